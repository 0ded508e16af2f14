// Client answers to frames and back.
#include "wire/codec_common.h"
#include "wire/schema/client.capnp.h"

namespace strandlog::wire {

// ------------------------------------------------------------------------------------ building

static void put(const WireError& error, schema::WireError::Builder builder) {
  builder.setCode(static_cast<uint16_t>(error.code));
  builder.setText(text_ptr(error.text));
  builder.setLeader(error.leader.value);
  builder.setLeaderAddress(text_ptr(error.leader_address));
}

/// The two fields that every item about a partition begins with.
template <class Item, class Builder>
static void put_head(const Item& item, Builder builder) {
  put(item.where, builder.getWhere());
  if (item.error) put(*item.error, builder.initError());
}

static void put(const MetadataAnswer::Broker& broker,
                schema::MetadataAnswer::Broker::Builder builder) {
  put(broker.address, builder.initAddress());
  builder.setAlive(broker.alive);
}

static void put(const MetadataAnswer::Replica& replica,
                schema::MetadataAnswer::Replica::Builder builder) {
  builder.setBroker(replica.broker.value);
  builder.setUid(replica.uid.value);
  builder.setLost(replica.lost);
}

static void put(const MetadataAnswer::Partition& partition,
                schema::MetadataAnswer::Partition::Builder builder) {
  builder.setPartition(partition.partition);
  put_uuid(partition.group, builder.getGroup());
  builder.setCreated(partition.created);
  builder.setLeader(partition.leader.value);
  builder.setTerm(partition.term.value);
  put_all(partition.replicas, builder.initReplicas(count_of(partition.replicas)));
}

static void put(const MetadataAnswer::Topic& topic,
                schema::MetadataAnswer::Topic::Builder builder) {
  builder.setName(text_ptr(topic.name));
  put_uuid(topic.id, builder.getId());
  if (topic.error) put(*topic.error, builder.initError());
  put(topic.settings, builder.initSettings(count_of(topic.settings)));
  put_all(topic.partitions, builder.initPartitions(count_of(topic.partitions)));
}

static void put(const ProduceAnswer::Item& item, schema::ProduceAnswer::Item::Builder builder) {
  put_head(item, builder);
  builder.setBaseOffset(item.base_offset.value);
  builder.setAppendTimeMs(item.append_time_ms);
}

static void put(const FetchAnswer::Item& item, schema::FetchAnswer::Item::Builder builder) {
  put_head(item, builder);
  builder.setHighWatermark(item.high_watermark.value);
  builder.setStableEnd(item.stable_end.value);
  builder.setLogStart(item.log_start.value);
  builder.setFrames(item.frames);
}

static void put(const ListOffsetsAnswer::Item& item,
                schema::ListOffsetsAnswer::Item::Builder builder) {
  put_head(item, builder);
  builder.setStart(item.start.value);
  builder.setEnd(item.end.value);
}

static void put(const DescribePartitionsAnswer::Replica& replica,
                schema::DescribePartitionsAnswer::Replica::Builder builder) {
  builder.setBroker(replica.broker.value);
  builder.setUid(replica.uid.value);
  builder.setCondition(static_cast<schema::ReplicaCondition>(replica.condition));
  builder.setMatch(replica.match.value);
}

static void put(const DescribePartitionsAnswer::Item& item,
                schema::DescribePartitionsAnswer::Item::Builder builder) {
  put_head(item, builder);
  builder.setTerm(item.term.value);
  put_all(item.replicas, builder.initReplicas(count_of(item.replicas)));
  builder.setStart(item.start.value);
  builder.setHighWatermark(item.high_watermark.value);
  builder.setEnd(item.end.value);
  builder.setBytes(item.bytes);
}

static void put(const std::pair<const std::string, uint64_t>& counter,
                schema::StatusAnswer::Counter::Builder builder) {
  builder.setName(text_ptr(counter.first));
  builder.setValue(counter.second);
}

static void put(const std::pair<const std::string, StatusAnswer::Histogram>& histogram,
                schema::StatusAnswer::Histogram::Builder builder) {
  builder.setName(text_ptr(histogram.first));
  builder.setCount(histogram.second.count);
  builder.setSum(histogram.second.sum);
  builder.setP50(histogram.second.p50);
  builder.setP99(histogram.second.p99);
  builder.setP999(histogram.second.p999);
  builder.setMax(histogram.second.max);
}

namespace {
/// Puts the body of an answer, by its type.
struct PutBody {
  schema::Answer::Body::Builder body;

  template <class Items, class Builder>
  void put_each(const Items& items, Builder list) {
    for (unsigned i = 0; i < list.size(); ++i) put(items[i], list[i]);
  }

  void operator()(std::monostate) { body.setNone(); }
  void operator()(const MetadataAnswer& answer) {
    auto builder = body.initMetadata();
    put_uuid(answer.cluster, builder.getCluster());
    builder.setCatalogLeader(answer.catalog_leader.value);
    builder.setCatalogIndex(answer.catalog_index);
    put_all(answer.brokers, builder.initBrokers(count_of(answer.brokers)));
    put_all(answer.topics, builder.initTopics(count_of(answer.topics)));
  }
  void operator()(const ProduceAnswer& answer) {
    put_all(answer.items, body.initProduce().initItems(count_of(answer.items)));
  }
  void operator()(const FetchAnswer& answer) {
    put_all(answer.items, body.initFetch().initItems(count_of(answer.items)));
  }
  void operator()(const ListOffsetsAnswer& answer) {
    put_all(answer.items, body.initListOffsets().initItems(count_of(answer.items)));
  }
  void operator()(const CreateTopicAnswer& answer) {
    auto builder = body.initCreateTopic();
    put_uuid(answer.topic, builder.getTopic());
    builder.setCatalogIndex(answer.catalog_index);
    builder.setReplication(answer.replication);
  }
  void operator()(const DeleteTopicAnswer& answer) {
    body.initDeleteTopic().setCatalogIndex(answer.catalog_index);
  }
  void operator()(const DescribePartitionsAnswer& answer) {
    put_all(answer.items, body.initDescribePartitions().initItems(count_of(answer.items)));
  }
  void operator()(const StatusAnswer& answer) {
    auto builder = body.initStatus();
    builder.setBroker(answer.broker.value);
    put_uuid(answer.store, builder.getStore());
    put_uuid(answer.cluster, builder.getCluster());
    builder.setFounding(static_cast<schema::FoundingState>(answer.founding));
    builder.setVersion(text_ptr(answer.version));
    builder.setState(text_ptr(answer.state));
    builder.setBootEpoch(answer.boot_epoch.value);
    unsigned i = 0;
    auto counters = builder.initCounters(count_of(answer.counters));
    for (const auto& counter : answer.counters) put(counter, counters[i++]);
    i = 0;
    auto histograms = builder.initHistograms(count_of(answer.histograms));
    for (const auto& histogram : answer.histograms) put(histogram, histograms[i++]);
  }
  void operator()(const FoundAnswer& answer) {
    auto builder = body.initFound();
    builder.setState(static_cast<schema::FoundingState>(answer.state));
    put(answer.address, builder.initAddress());
    if (answer.document) put(*answer.document, builder.initDocument());
  }
};
}  // namespace

// ------------------------------------------------------------------------------------- reading

static WireError get(schema::WireError::Reader reader, Reading& reading) {
  WireError error;
  error.code = reading.choice(reader.getCode(), Code::kInternal, Code::kExpired, "error code");
  error.text = reading.text(reader.getText());
  error.leader = {reader.getLeader()};
  error.leader_address = reading.text(reader.getLeaderAddress());
  return error;
}

/// Item begins with `where` and `error`, see put_head().
template <class Item, class Reader>
static Item get_head(Reader reader, Reading& reading) {
  Item item;
  item.where = get_where(reader.getWhere());
  if (reader.hasError()) item.error = get(reader.getError(), reading);
  return item;
}

static MetadataAnswer::Broker get(schema::MetadataAnswer::Broker::Reader reader, Reading& reading) {
  return {get(reader.getAddress(), reading), reader.getAlive()};
}

static MetadataAnswer::Replica get(schema::MetadataAnswer::Replica::Reader reader, Reading&) {
  return {{reader.getBroker()}, {reader.getUid()}, reader.getLost()};
}

static MetadataAnswer::Partition get(schema::MetadataAnswer::Partition::Reader reader,
                                     Reading& reading) {
  MetadataAnswer::Partition partition;
  partition.partition = reader.getPartition();
  partition.group = get_uuid<GroupId>(reader.getGroup());
  partition.created = reader.getCreated();
  partition.leader = {reader.getLeader()};
  partition.term = {reader.getTerm()};
  partition.replicas = reading.all(reader.getReplicas());
  return partition;
}

static MetadataAnswer::Topic get(schema::MetadataAnswer::Topic::Reader reader, Reading& reading) {
  MetadataAnswer::Topic topic;
  topic.name = reading.text(reader.getName());
  topic.id = get_uuid<TopicId>(reader.getId());
  if (reader.hasError()) topic.error = get(reader.getError(), reading);
  topic.settings = get(reader.getSettings(), reading);
  topic.partitions = reading.all(reader.getPartitions());
  return topic;
}

static MetadataAnswer get(schema::MetadataAnswer::Reader reader, Reading& reading) {
  MetadataAnswer answer;
  answer.cluster = get_uuid<ClusterId>(reader.getCluster());
  answer.catalog_leader = {reader.getCatalogLeader()};
  answer.catalog_index = reader.getCatalogIndex();
  answer.brokers = reading.all(reader.getBrokers());
  answer.topics = reading.all(reader.getTopics());
  return answer;
}

static ProduceAnswer::Item get(schema::ProduceAnswer::Item::Reader reader, Reading& reading) {
  auto item = get_head<ProduceAnswer::Item>(reader, reading);
  item.base_offset = {reader.getBaseOffset()};
  item.append_time_ms = reader.getAppendTimeMs();
  return item;
}

static FetchAnswer::Item get(schema::FetchAnswer::Item::Reader reader, Reading& reading) {
  auto item = get_head<FetchAnswer::Item>(reader, reading);
  item.high_watermark = {reader.getHighWatermark()};
  item.stable_end = {reader.getStableEnd()};
  item.log_start = {reader.getLogStart()};
  item.frames = reader.getFrames();
  return item;
}

static ListOffsetsAnswer::Item get(schema::ListOffsetsAnswer::Item::Reader reader,
                                   Reading& reading) {
  auto item = get_head<ListOffsetsAnswer::Item>(reader, reading);
  item.start = {reader.getStart()};
  item.end = {reader.getEnd()};
  return item;
}

static DescribePartitionsAnswer::Replica get(
    schema::DescribePartitionsAnswer::Replica::Reader reader, Reading& reading) {
  return {{reader.getBroker()},
          {reader.getUid()},
          reading.choice(reader.getCondition(), ReplicaCondition::kInSync,
                         ReplicaCondition::kOffline, "replica condition"),
          {reader.getMatch()}};
}

static DescribePartitionsAnswer::Item get(schema::DescribePartitionsAnswer::Item::Reader reader,
                                          Reading& reading) {
  auto item = get_head<DescribePartitionsAnswer::Item>(reader, reading);
  item.term = {reader.getTerm()};
  item.replicas = reading.all(reader.getReplicas());
  item.start = {reader.getStart()};
  item.high_watermark = {reader.getHighWatermark()};
  item.end = {reader.getEnd()};
  item.bytes = reader.getBytes();
  return item;
}

static CreateTopicAnswer get(schema::CreateTopicAnswer::Reader reader, Reading&) {
  return {get_uuid<TopicId>(reader.getTopic()), reader.getCatalogIndex(), reader.getReplication()};
}

static StatusAnswer get(schema::StatusAnswer::Reader reader, Reading& reading) {
  StatusAnswer answer;
  answer.broker = {reader.getBroker()};
  answer.store = get_uuid<StoreId>(reader.getStore());
  answer.cluster = get_uuid<ClusterId>(reader.getCluster());
  answer.founding = get(reader.getFounding(), reading);
  answer.version = reading.text(reader.getVersion());
  answer.state = reading.text(reader.getState());
  answer.boot_epoch = {reader.getBootEpoch()};
  auto name = [](auto item) { return item.getName(); };
  answer.counters = reading.named<uint64_t>(reader.getCounters(), name,
                                            [](auto item) { return item.getValue(); });
  answer.histograms = reading.named<StatusAnswer::Histogram>(
      reader.getHistograms(), name, [](auto item) -> StatusAnswer::Histogram {
        return {item.getCount(), item.getSum(),  item.getP50(),
                item.getP99(),   item.getP999(), item.getMax()};
      });
  return answer;
}

static FoundAnswer get(schema::FoundAnswer::Reader reader, Reading& reading) {
  FoundAnswer answer;
  answer.state = get(reader.getState(), reading);
  answer.address = get(reader.getAddress(), reading);
  if (reader.hasDocument()) answer.document = get(reader.getDocument(), reading);
  return answer;
}

static AnswerBody get_body(schema::Answer::Body::Reader body, Reading& reading) {
  using Which = schema::Answer::Body::Which;
  switch (body.which()) {
    case Which::NONE:
      return {};
    case Which::METADATA:
      return get(body.getMetadata(), reading);
    case Which::PRODUCE:
      return ProduceAnswer{reading.all(body.getProduce().getItems())};
    case Which::FETCH:
      return FetchAnswer{reading.all(body.getFetch().getItems())};
    case Which::LIST_OFFSETS:
      return ListOffsetsAnswer{reading.all(body.getListOffsets().getItems())};
    case Which::CREATE_TOPIC:
      return get(body.getCreateTopic(), reading);
    case Which::DELETE_TOPIC:
      return DeleteTopicAnswer{body.getDeleteTopic().getCatalogIndex()};
    case Which::DESCRIBE_PARTITIONS:
      return DescribePartitionsAnswer{reading.all(body.getDescribePartitions().getItems())};
    case Which::STATUS:
      return get(body.getStatus(), reading);
    case Which::FOUND:
      return get(body.getFound(), reading);
  }
  reading.fail(Code::kUnsupported,
               "unknown answer " + std::to_string(static_cast<unsigned>(body.which())));
  return {};
}

static Bytes encode_whole(const Answer& answer) {
  FrameBuilder frame;
  auto root = frame.root<schema::Answer>(schema::RootKind::ANSWER);
  root.setId(answer.id);
  put_uuid(answer.cluster, root.getCluster());
  root.setThrottleMs(answer.throttle_ms);
  if (answer.error) put(*answer.error, root.initError());
  std::visit(PutBody{root.getBody()}, answer.body);
  return frame.finish();
}

Bytes encode(const Answer& answer) {
  Bytes frame = encode_whole(answer);
  if (frame.size() <= kMaxControlFrame) return frame;
  // No receiver would read it: an error that arrives is better than an answer that does not.
  Answer refusal{answer.id, answer.cluster, answer.throttle_ms, WireError{}, {}};
  refusal.error->code = Code::kTooLarge;
  refusal.error->text = "the answer takes " + std::to_string(frame.size()) + " bytes, at most " +
                        std::to_string(kMaxControlFrame) + "; ask for less at once";
  return encode_whole(refusal);
}

Result<Answer> decode_answer(ByteView frame) {
  return decode_frame<schema::Answer>(frame, schema::RootKind::ANSWER,
                                      [](schema::Answer::Reader root, Reading& reading) {
                                        Answer answer;
                                        answer.id = root.getId();
                                        answer.cluster = get_uuid<ClusterId>(root.getCluster());
                                        answer.throttle_ms = root.getThrottleMs();
                                        if (root.hasError())
                                          answer.error = get(root.getError(), reading);
                                        answer.body = get_body(root.getBody(), reading);
                                        return answer;
                                      });
}

}  // namespace strandlog::wire
