// The rows of the catalog's tables.
#include "wire/codec_common.h"
#include "wire/schema/catalog.capnp.h"

namespace strandlog::wire {
namespace {

/// Puts the body of a row, by its type.
struct PutRow {
  schema::CatalogRow::Body::Builder body;

  void operator()(const catalog::TableHead& row) {
    auto builder = body.initHead();
    put_uuid(row.cluster, builder.getCluster());
    put_uuid(row.group, builder.getGroup());
    builder.setMachine(row.machine);
    if (row.founding) put(*row.founding, builder.initFounding());
    builder.setNextUid(row.next_uid.value);
    builder.setNextCreation(row.next_creation);
  }
  void operator()(const catalog::BrokerRow& row) {
    auto builder = body.initBroker();
    put(row.address, builder.initAddress());
    builder.setBootEpoch(row.boot_epoch.value);
  }
  void operator()(const catalog::TopicRow& row) {
    auto builder = body.initTopic();
    put_uuid(row.topic, builder.getTopic());
    builder.setName(text_ptr(row.name));
    put(row.settings, builder.initSettings(count_of(row.settings)));
    builder.setPartitions(row.partitions);
    builder.setCreatedMs(row.created_ms);
  }
  void operator()(const catalog::PartitionRow& row) {
    auto builder = body.initPartition();
    put_uuid(row.topic, builder.getTopic());
    builder.setNumber(row.number);
    put_uuid(row.group, builder.getGroup());
    builder.setCreation(row.creation);
    put_all(row.replicas, builder.initReplicas(count_of(row.replicas)));
    auto made = builder.initMade(count_of(row.made));
    for (unsigned i = 0; i < made.size(); ++i) made.set(i, row.made[i].value);
    builder.setCreated(row.created);
    builder.setConfiguration(row.configuration.value);
    if (row.comes) put(*row.comes, builder.initComes());
    builder.setGoes(row.goes.value);
  }
  void operator()(const catalog::TombstoneRow& row) {
    auto builder = body.initTombstone();
    put_uuid(row.topic, builder.getTopic());
    put(row.replica, builder.initReplica());
  }
};

catalog::TableHead get_row(schema::TableHead::Reader reader, Reading& reading) {
  catalog::TableHead row;
  row.cluster = get_uuid<ClusterId>(reader.getCluster());
  row.group = get_uuid<GroupId>(reader.getGroup());
  row.machine = reader.getMachine();
  if (reader.hasFounding()) row.founding = get(reader.getFounding(), reading);
  row.next_uid = {reader.getNextUid()};
  row.next_creation = reader.getNextCreation();
  return row;
}

catalog::BrokerRow get_row(schema::BrokerRow::Reader reader, Reading& reading) {
  return {get(reader.getAddress(), reading), {reader.getBootEpoch()}};
}

catalog::TopicRow get_row(schema::TopicRow::Reader reader, Reading& reading) {
  catalog::TopicRow row;
  row.topic = get_uuid<TopicId>(reader.getTopic());
  row.name = reading.text(reader.getName());
  row.settings = get(reader.getSettings(), reading);
  row.partitions = reader.getPartitions();
  row.created_ms = reader.getCreatedMs();
  return row;
}

catalog::PartitionRow get_row(schema::PartitionRow::Reader reader, Reading& reading) {
  catalog::PartitionRow row;
  row.topic = get_uuid<TopicId>(reader.getTopic());
  row.number = reader.getNumber();
  row.group = get_uuid<GroupId>(reader.getGroup());
  row.creation = reader.getCreation();
  row.replicas = reading.all(reader.getReplicas());
  auto made = reader.getMade();
  if (reading.admit(made.size())) {
    for (uint64_t uid : made) row.made.push_back({uid});
  }
  row.created = reader.getCreated();
  row.configuration = {reader.getConfiguration()};
  if (reader.hasComes()) row.comes = get(reader.getComes(), reading);
  row.goes = {reader.getGoes()};
  return row;
}

catalog::TombstoneRow get_row(schema::TombstoneRow::Reader reader, Reading& reading) {
  return {get_uuid<TopicId>(reader.getTopic()), get(reader.getReplica(), reading)};
}

catalog::Row get_body(schema::CatalogRow::Body::Reader body, Reading& reading) {
  using Which = schema::CatalogRow::Body::Which;
  switch (body.which()) {
    case Which::HEAD:
      return get_row(body.getHead(), reading);
    case Which::BROKER:
      return get_row(body.getBroker(), reading);
    case Which::TOPIC:
      return get_row(body.getTopic(), reading);
    case Which::PARTITION:
      return get_row(body.getPartition(), reading);
    case Which::TOMBSTONE:
      return get_row(body.getTombstone(), reading);
    case Which::NONE:
      break;
  }
  reading.fail(Code::kUnsupported,
               "unknown catalog row " + std::to_string(static_cast<unsigned>(body.which())));
  return {};
}

}  // namespace

Bytes encode(const catalog::Row& row) {
  FrameBuilder frame;
  auto root = frame.root<schema::CatalogRow>(schema::RootKind::CATALOG_ROW);
  std::visit(PutRow{root.getBody()}, row);
  return frame.finish();
}
Result<catalog::Row> decode_catalog_row(ByteView frame) {
  return decode_frame<schema::CatalogRow>(
      frame, schema::RootKind::CATALOG_ROW,
      [](auto root, Reading& reading) { return get_body(root.getBody(), reading); });
}

}  // namespace strandlog::wire
