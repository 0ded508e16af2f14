// Frames around messages, and the structs that several roots share.
#include "wire/codec_common.h"

namespace strandlog::wire {

Bytes FrameBuilder::finish() {
  auto segments = message_.getSegmentsForOutput();
  size_t table = (segments.size() / 2 + 1) * sizeof(capnp::word);
  size_t size = kFrameHeader + table;
  for (auto segment : segments) size += segment.asBytes().size();

  auto memory = std::make_shared_for_overwrite<uint8_t[]>(size);
  uint8_t* out = memory.get() + kFrameHeader;
  std::memset(out, 0, table);
  store_le(out, static_cast<uint32_t>(segments.size() - 1));
  uint8_t* length = out + 4;
  out += table;
  for (auto segment : segments) {
    store_le(length, static_cast<uint32_t>(segment.size()));
    length += 4;
    std::memcpy(out, segment.asBytes().begin(), segment.asBytes().size());
    out += segment.asBytes().size();
  }
  MutableByteView frame(memory.get(), size);
  seal_frame(frame);
  return Bytes(std::shared_ptr<const void>(std::move(memory)), frame);
}

FrameReader::FrameReader(ByteView flat) : words_(flat.size() / sizeof(capnp::word)) {
  uint64_t* aligned = scratch_;
  if (words_ > kScratchWords) {
    large_.resize(words_);
    aligned = large_.data();
  }
  std::memcpy(aligned, flat.data(), flat.size());
  capnp::ReaderOptions options;
  options.traversalLimitInWords = std::max<uint64_t>(4 * words_, 64);
  options.nestingLimit = 16;
  reader_.emplace(kj::arrayPtr(reinterpret_cast<const capnp::word*>(aligned), words_), options);
}

std::string Reading::text(capnp::Text::Reader text) {
  if (text.size() > kMaxText) {
    fail(Code::kInvalidArgument,
         "text of " + std::to_string(text.size()) + " bytes, at most " + std::to_string(kMaxText));
    return {};
  }
  return {text.begin(), text.size()};
}

bool Reading::admit(size_t count) {
  if (error_) return false;
  if (count > kMaxListItems || count > items_left_) {
    fail(Code::kInvalidArgument, "list of " + std::to_string(count) + " items, at most " +
                                     std::to_string(std::min(kMaxListItems, items_left_)));
    return false;
  }
  items_left_ -= count;
  return true;
}

// ------------------------------------------------------------------------------ shared structs

void put(const BrokerAddress& address, schema::BrokerAddress::Builder builder) {
  builder.setBroker(address.broker.value);
  put_uuid(address.store, builder.getStore());
  builder.setClientAddress(text_ptr(address.client_address));
  builder.setPeerAddress(text_ptr(address.peer_address));
}
BrokerAddress get(schema::BrokerAddress::Reader reader, Reading& reading) {
  BrokerAddress address;
  address.broker = {reader.getBroker()};
  address.store = get_uuid<StoreId>(reader.getStore());
  address.client_address = reading.text(reader.getClientAddress());
  address.peer_address = reading.text(reader.getPeerAddress());
  return address;
}

static void put(const FoundingDocument::Founder& founder, schema::Founder::Builder builder) {
  put(founder.address, builder.initAddress());
  builder.setCatalogUid(founder.catalog_uid.value);
}
static FoundingDocument::Founder get(schema::Founder::Reader reader, Reading& reading) {
  return {get(reader.getAddress(), reading), {reader.getCatalogUid()}};
}

void put(const FoundingDocument& document, schema::FoundingDocument::Builder builder) {
  put_uuid(document.cluster, builder.getCluster());
  put_uuid(document.catalog_group, builder.getCatalogGroup());
  put_all(document.founders, builder.initFounders(count_of(document.founders)));
  builder.setGroupPartitions(document.group_partitions);
  builder.setCreatedMs(document.created_ms);
}
FoundingDocument get(schema::FoundingDocument::Reader reader, Reading& reading) {
  FoundingDocument document;
  document.cluster = get_uuid<ClusterId>(reader.getCluster());
  document.catalog_group = get_uuid<GroupId>(reader.getCatalogGroup());
  document.founders = reading.all(reader.getFounders());
  document.group_partitions = reader.getGroupPartitions();
  document.created_ms = reader.getCreatedMs();
  return document;
}

void put(const CatalogReplica& replica, schema::CatalogReplica::Builder builder) {
  builder.setUid(replica.uid.value);
  builder.setBroker(replica.broker.value);
  put_uuid(replica.store, builder.getStore());
}
CatalogReplica get(schema::CatalogReplica::Reader reader, Reading&) {
  return {{reader.getUid()}, {reader.getBroker()}, get_uuid<StoreId>(reader.getStore())};
}

void put(const GroupMembers& members, schema::GroupMembers::Builder builder) {
  put(members.where, builder.initWhere());
  builder.setCreation(members.creation);
  builder.setConfiguration(members.configuration.value);
  put_all(members.voters, builder.initVoters(count_of(members.voters)));
}

GroupMembers get(schema::GroupMembers::Reader reader, Reading& reading) {
  return {get(reader.getWhere(), reading),
          reader.getCreation(),
          {reader.getConfiguration()},
          reading.all(reader.getVoters())};
}

void put(const std::map<std::string, std::string>& settings,
         capnp::List<schema::Setting>::Builder builder) {
  unsigned i = 0;
  for (const auto& [key, value] : settings) {
    builder[i].setKey(text_ptr(key));
    builder[i++].setValue(text_ptr(value));
  }
}
std::map<std::string, std::string> get(capnp::List<schema::Setting>::Reader settings,
                                       Reading& reading) {
  return reading.named<std::string>(
      settings, [](auto item) { return item.getKey(); },
      [&](auto item) { return reading.text(item.getValue()); });
}

TopicPartition get(schema::TopicPartition::Reader reader, Reading&) { return get_where(reader); }
std::string get(capnp::Text::Reader reader, Reading& reading) { return reading.text(reader); }
FoundingState get(schema::FoundingState state, Reading& reading) {
  return reading.choice(state, FoundingState::kBlank, FoundingState::kFounded, "founding state");
}

}  // namespace strandlog::wire
