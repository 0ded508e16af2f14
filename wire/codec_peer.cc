// Messages between brokers to frames and back.
#include "wire/codec_common.h"
#include "wire/schema/peer.capnp.h"

namespace strandlog::wire {

using Kind = RaftMessage::Kind;

// ------------------------------------------------------------------------------------ building

static void put(const RaftMessage& message, schema::RaftMessage::Builder builder) {
  builder.setKind(static_cast<schema::RaftMessage::Kind>(message.kind));
  put_uuid(message.group, builder.getGroup());
  builder.setFrom(message.from.value);
  builder.setTo(message.to.value);
  builder.setTerm(message.term.value);
  builder.setPre(message.pre);
  builder.setTransfer(message.transfer);
  builder.setGranted(message.granted);
  builder.setAccepted(message.accepted);
  builder.setQuiet(message.quiet);
  builder.setLast(message.last.value);
  builder.setLastTerm(message.last_term.value);
  builder.setPrev(message.prev.value);
  builder.setPrevTerm(message.prev_term.value);
  builder.setCommit(message.commit.value);
  builder.setMatch(message.match.value);
  builder.setHint(message.hint.value);
  builder.setHintTerm(message.hint_term.value);
  builder.setReadRound(message.read_round);
  builder.setFrames(message.frames);
}

static void put(const LeaderNotice& notice, schema::LeaderNotice::Builder builder) {
  put_uuid(notice.group, builder.getGroup());
  builder.setTerm(notice.term.value);
  builder.setLeader(notice.leader.value);
  builder.setBroker(notice.broker.value);
}

static void put(const ReplicaReport& report, schema::ReplicaReport::Builder builder) {
  builder.setUid(report.uid.value);
  put_uuid(report.store, builder.getStore());
  builder.setCreation(report.creation);
  builder.setDestroyed(report.destroyed);
}

static void put(const RegisterReport& report, schema::RegisterReport::Builder builder) {
  put(report.address, builder.initAddress());
  builder.setBootEpoch(report.boot_epoch.value);
}

static void put(const CatalogEntries& entries, schema::CatalogEntries::Builder builder) {
  builder.setFirst(entries.first.value);
  builder.setCommit(entries.commit.value);
  builder.setFrames(entries.frames);
}

static void put(const std::vector<Uid>& faulty, schema::Condition::Builder builder) {
  auto list = builder.initFaulty(count_of(faulty));
  for (unsigned i = 0; i < list.size(); ++i) list.set(i, faulty[i].value);
}

static void put_sender(const PeerMessage& message, schema::PeerMessage::Builder root) {
  root.setVersion(message.version);
  put_uuid(message.cluster, root.getCluster());
  root.setFrom(message.from.value);
  put_uuid(message.store, root.getStore());
  root.setBootEpoch(message.boot_epoch.value);
  root.setBootId(message.boot_id.value);
  root.setDurableRound(message.durable_round.value);
  root.setBootRound(message.boot_round.value);
  put_uuid(message.to_store, root.getToStore());
  root.setToBoot(message.to_boot.value);
  root.setLeadershipsLost(message.leaderships_lost);
  root.setFounding(static_cast<schema::FoundingState>(message.founding));
}

// ------------------------------------------------------------------------------------- reading

static RaftMessage get(schema::RaftMessage::Reader reader, Reading& reading) {
  RaftMessage message;
  message.kind = reading.choice(reader.getKind(), Kind::kVoteRequest, Kind::kGone, "Raft message");
  message.group = get_uuid<GroupId>(reader.getGroup());
  message.from = {reader.getFrom()};
  message.to = {reader.getTo()};
  message.term = {reader.getTerm()};
  message.pre = reader.getPre();
  message.transfer = reader.getTransfer();
  message.granted = reader.getGranted();
  message.accepted = reader.getAccepted();
  message.quiet = reader.getQuiet();
  message.last = {reader.getLast()};
  message.last_term = {reader.getLastTerm()};
  message.prev = {reader.getPrev()};
  message.prev_term = {reader.getPrevTerm()};
  message.commit = {reader.getCommit()};
  message.match = {reader.getMatch()};
  message.hint = {reader.getHint()};
  message.hint_term = {reader.getHintTerm()};
  message.read_round = reader.getReadRound();
  message.frames = reader.getFrames();
  return message;
}

static LeaderNotice get(schema::LeaderNotice::Reader reader, Reading&) {
  return {get_uuid<GroupId>(reader.getGroup()),
          {reader.getTerm()},
          {reader.getLeader()},
          {reader.getBroker()}};
}

static ReplicaReport get(schema::ReplicaReport::Reader reader, Reading&) {
  return {{reader.getUid()},
          get_uuid<StoreId>(reader.getStore()),
          reader.getCreation(),
          reader.getDestroyed()};
}

static RegisterReport get(schema::RegisterReport::Reader reader, Reading& reading) {
  return {get(reader.getAddress(), reading), {reader.getBootEpoch()}};
}

static CatalogEntries get(schema::CatalogEntries::Reader reader, Reading&) {
  return {{reader.getFirst()}, {reader.getCommit()}, reader.getFrames()};
}

static std::vector<Uid> get(schema::Condition::Reader reader, Reading& reading) {
  std::vector<Uid> faulty;
  if (!reading.admit(reader.getFaulty().size())) return faulty;
  for (uint64_t uid : reader.getFaulty()) faulty.push_back({uid});
  return faulty;
}

static PeerMessage get_sender(schema::PeerMessage::Reader root, Reading& reading) {
  PeerMessage message;
  message.version = root.getVersion();
  message.cluster = get_uuid<ClusterId>(root.getCluster());
  message.from = {root.getFrom()};
  message.store = get_uuid<StoreId>(root.getStore());
  message.boot_epoch = {root.getBootEpoch()};
  message.boot_id = {root.getBootId()};
  message.durable_round = {root.getDurableRound()};
  message.boot_round = {root.getBootRound()};
  message.to_store = get_uuid<StoreId>(root.getToStore());
  message.to_boot = {root.getToBoot()};
  message.leaderships_lost = root.getLeadershipsLost();
  message.founding = get(root.getFounding(), reading);
  return message;
}

Bytes encode(const PeerMessage& message) {
  FrameBuilder frame;
  auto root = frame.root<schema::PeerMessage>(schema::RootKind::PEER_MESSAGE);
  put_sender(message, root);
  if (message.document) put(*message.document, root.initDocument());
  if (message.registration) put(*message.registration, root.initRegistration());
  put_all(message.raft, root.initRaft(count_of(message.raft)));
  put_all(message.leaders, root.initLeaders(count_of(message.leaders)));
  put_all(message.replicas, root.initReplicas(count_of(message.replicas)));
  put_all(message.members, root.initMembers(count_of(message.members)));
  if (message.catalog_fetch) root.initCatalogFetch().setAfter(message.catalog_fetch->after.value);
  if (message.catalog_entries) put(*message.catalog_entries, root.initCatalogEntries());
  if (message.faulty) put(*message.faulty, root.initCondition());
  return frame.finish();
}

Result<PeerMessage> decode_peer_message(ByteView frame) {
  return decode_frame<schema::PeerMessage>(
      frame, schema::RootKind::PEER_MESSAGE,
      [](schema::PeerMessage::Reader root, Reading& reading) {
        PeerMessage message = get_sender(root, reading);
        if (root.hasDocument()) message.document = get(root.getDocument(), reading);
        if (root.hasRegistration()) message.registration = get(root.getRegistration(), reading);
        message.raft = reading.all(root.getRaft());
        message.leaders = reading.all(root.getLeaders());
        message.replicas = reading.all(root.getReplicas());
        message.members = reading.all(root.getMembers());
        if (root.hasCatalogFetch())
          message.catalog_fetch = CatalogFetch{{root.getCatalogFetch().getAfter()}};
        if (root.hasCatalogEntries())
          message.catalog_entries = get(root.getCatalogEntries(), reading);
        if (root.hasCondition()) message.faulty = get(root.getCondition(), reading);
        return message;
      });
}

}  // namespace strandlog::wire
