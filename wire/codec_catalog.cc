// Catalog commands, the founding document, configurations and remembered stores.
#include "wire/codec_common.h"
#include "wire/schema/catalog.capnp.h"

namespace strandlog::wire {

static void put(const catalog::CreateTopic::Partition& partition,
                schema::CreateTopic::Partition::Builder builder) {
  put_uuid(partition.group, builder.getGroup());
  builder.setCreation(partition.creation);
  put_all(partition.replicas, builder.initReplicas(count_of(partition.replicas)));
}

namespace {
/// Puts the body of a command, by its type.
struct PutBody {
  schema::Command::Body::Builder body;

  void operator()(const catalog::Found& command) { put(command.document, body.initFound()); }
  void operator()(const catalog::RegisterBroker& command) {
    auto builder = body.initRegisterBroker();
    put(command.address, builder.initAddress());
    builder.setBootEpoch(command.boot_epoch.value);
  }
  void operator()(const catalog::CreateTopic& command) {
    auto builder = body.initCreateTopic();
    put_uuid(command.topic, builder.getTopic());
    builder.setName(text_ptr(command.name));
    put(command.settings, builder.initSettings(count_of(command.settings)));
    auto partitions = builder.initPartitions(count_of(command.partitions));
    for (unsigned i = 0; i < partitions.size(); ++i) put(command.partitions[i], partitions[i]);
    builder.setCreatedMs(command.created_ms);
  }
  void operator()(const catalog::ReplicaCreated& command) {
    auto builder = body.initReplicaCreated();
    builder.setUid(command.uid.value);
    put_uuid(command.store, builder.getStore());
    builder.setCreation(command.creation);
  }
  void operator()(const catalog::DeleteTopic& command) {
    put_uuid(command.topic, body.initDeleteTopic().getTopic());
  }
  void operator()(const catalog::RestartCreation& command) {
    auto builder = body.initRestartCreation();
    put_uuid(command.topic, builder.getTopic());
    builder.setPartition(command.partition);
    builder.setCreation(command.creation);
    put(command.next, builder.initNext());
  }
  void operator()(const catalog::MoveReplica& command) {
    auto builder = body.initMoveReplica();
    put(command.where, builder.initWhere());
    builder.setCreation(command.creation);
    builder.setFrom(command.from.value);
    put(command.to, builder.initTo());
  }
  void operator()(const GroupMembers& command) { put(command, body.initGroupMembers()); }
  void operator()(const catalog::ReplicaDestroyed& command) {
    auto builder = body.initReplicaDestroyed();
    builder.setUid(command.uid.value);
    put_uuid(command.store, builder.getStore());
  }
};
}  // namespace

static catalog::CreateTopic::Partition get(schema::CreateTopic::Partition::Reader reader,
                                           Reading& reading) {
  return {get_uuid<GroupId>(reader.getGroup()), reader.getCreation(),
          reading.all(reader.getReplicas())};
}

static catalog::CreateTopic get(schema::CreateTopic::Reader reader, Reading& reading) {
  catalog::CreateTopic command;
  command.topic = get_uuid<TopicId>(reader.getTopic());
  command.name = reading.text(reader.getName());
  command.settings = get(reader.getSettings(), reading);
  command.partitions = reading.all(reader.getPartitions());
  command.created_ms = reader.getCreatedMs();
  return command;
}

static catalog::RegisterBroker get(schema::RegisterBroker::Reader reader, Reading& reading) {
  return {get(reader.getAddress(), reading), {reader.getBootEpoch()}};
}

static catalog::ReplicaCreated get(schema::ReplicaCreated::Reader reader, Reading&) {
  return {{reader.getUid()}, get_uuid<StoreId>(reader.getStore()), reader.getCreation()};
}

static catalog::RestartCreation get(schema::RestartCreation::Reader reader, Reading& reading) {
  return {get_uuid<TopicId>(reader.getTopic()), reader.getPartition(), reader.getCreation(),
          get(reader.getNext(), reading)};
}

static catalog::MoveReplica get(schema::MoveReplica::Reader reader, Reading& reading) {
  return {get(reader.getWhere(), reading),
          reader.getCreation(),
          {reader.getFrom()},
          get(reader.getTo(), reading)};
}

static catalog::Command get_body(schema::Command::Body::Reader body, Reading& reading) {
  using Which = schema::Command::Body::Which;
  switch (body.which()) {
    case Which::FOUND:
      return catalog::Found{get(body.getFound(), reading)};
    case Which::REGISTER_BROKER:
      return get(body.getRegisterBroker(), reading);
    case Which::CREATE_TOPIC:
      return get(body.getCreateTopic(), reading);
    case Which::REPLICA_CREATED:
      return get(body.getReplicaCreated(), reading);
    case Which::DELETE_TOPIC:
      return catalog::DeleteTopic{get_uuid<TopicId>(body.getDeleteTopic().getTopic())};
    case Which::REPLICA_DESTROYED: {
      auto reader = body.getReplicaDestroyed();
      return catalog::ReplicaDestroyed{{reader.getUid()}, get_uuid<StoreId>(reader.getStore())};
    }
    case Which::RESTART_CREATION:
      return get(body.getRestartCreation(), reading);
    case Which::MOVE_REPLICA:
      return get(body.getMoveReplica(), reading);
    case Which::GROUP_MEMBERS:
      return get(body.getGroupMembers(), reading);
    case Which::NONE:
      break;
  }
  reading.fail(Code::kUnsupported,
               "unknown command " + std::to_string(static_cast<unsigned>(body.which())));
  return {};
}

static void put(const RememberedStore& remembered, schema::RememberedStore::Builder builder) {
  put_uuid(remembered.store, builder.getStore());
  builder.setBootEpoch(remembered.boot_epoch.value);
  builder.setBootId(remembered.boot_id.value);
  builder.setDurableRound(remembered.durable_round.value);
}

static RememberedStore get(schema::RememberedStore::Reader reader, Reading&) {
  return {get_uuid<StoreId>(reader.getStore()),
          {reader.getBootEpoch()},
          {reader.getBootId()},
          {reader.getDurableRound()}};
}

Bytes encode(const catalog::Command& command) {
  FrameBuilder frame;
  auto root = frame.root<schema::Command>(schema::RootKind::COMMAND);
  std::visit(PutBody{root.getBody()}, command);
  return frame.finish();
}
Result<catalog::Command> decode_command(ByteView frame) {
  return decode_frame<schema::Command>(
      frame, schema::RootKind::COMMAND,
      [](auto root, Reading& reading) { return get_body(root.getBody(), reading); });
}

Bytes encode(const FoundingDocument& document) {
  FrameBuilder frame;
  auto root = frame.root<schema::FoundingFrame>(schema::RootKind::FOUNDING_DOCUMENT);
  put(document, root.initDocument());
  return frame.finish();
}
Result<FoundingDocument> decode_founding_document(ByteView frame) {
  return decode_frame<schema::FoundingFrame>(
      frame, schema::RootKind::FOUNDING_DOCUMENT,
      [](auto root, Reading& reading) { return get(root.getDocument(), reading); });
}

Bytes encode(const Configuration& configuration) {
  FrameBuilder frame;
  auto root = frame.root<schema::Configuration>(schema::RootKind::CONFIGURATION);
  put_all(configuration.voters, root.initVoters(count_of(configuration.voters)));
  put_all(configuration.outgoing, root.initOutgoing(count_of(configuration.outgoing)));
  put_all(configuration.learners, root.initLearners(count_of(configuration.learners)));
  return frame.finish();
}
Result<Configuration> decode_configuration(ByteView frame) {
  return decode_frame<schema::Configuration>(
      frame, schema::RootKind::CONFIGURATION, [](auto root, Reading& reading) {
        Configuration configuration;
        configuration.voters = reading.all(root.getVoters());
        configuration.outgoing = reading.all(root.getOutgoing());
        configuration.learners = reading.all(root.getLearners());
        return configuration;
      });
}

Bytes encode(const std::vector<RememberedStore>& stores) {
  FrameBuilder frame;
  auto root = frame.root<schema::RememberedStores>(schema::RootKind::REMEMBERED_STORES);
  put_all(stores, root.initStores(count_of(stores)));
  return frame.finish();
}
Result<std::vector<RememberedStore>> decode_remembered_stores(ByteView frame) {
  return decode_frame<schema::RememberedStores>(
      frame, schema::RootKind::REMEMBERED_STORES,
      [](auto root, Reading& reading) { return reading.all(root.getStores()); });
}

}  // namespace strandlog::wire
