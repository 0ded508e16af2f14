// Field by field; see raft_wire.h.
#include "broker/raft_wire.h"

namespace strandlog::broker {
namespace {

using Kind = wire::RaftMessage::Kind;

struct Flatten {
  wire::RaftMessage& out;
  void operator()(const raft::VoteRequest& m) const {
    out.kind = Kind::kVoteRequest;
    out.pre = m.pre;
    out.transfer = m.transfer;
    out.last = m.last;
    out.last_term = m.last_term;
  }
  void operator()(const raft::VoteAnswer& m) const {
    out.kind = Kind::kVoteAnswer;
    out.pre = m.pre;
    out.granted = m.granted;
  }
  void operator()(const raft::Append& m) const {
    out.kind = Kind::kAppend;
    out.prev = m.prev;
    out.prev_term = m.prev_term;
    out.last = m.last;
    out.commit = m.commit;
    out.read_round = m.read_round;
    out.quiet = m.quiet;
  }
  void operator()(const raft::AppendAnswer& m) const {
    out.kind = Kind::kAppendAnswer;
    out.accepted = m.accepted;
    out.match = m.match;
    out.prev = m.prev;
    out.hint = m.hint;
    out.hint_term = m.hint_term;
    out.commit = m.commit;
    out.read_round = m.read_round;
  }
  void operator()(const raft::SnapshotOffer& m) const {
    out.kind = Kind::kSnapshotOffer;
    out.last = m.index;
    out.last_term = m.index_term;
    out.prev = m.membership.index;
  }
  void operator()(const raft::TimeoutNow&) const { out.kind = Kind::kTimeoutNow; }
  void operator()(const raft::StepDown&) const { out.kind = Kind::kStepDown; }
  void operator()(const raft::Gone& m) const {
    out.kind = Kind::kGone;
    out.last = m.configuration;
  }
};

raft::Body body_of(const wire::RaftMessage& m) {
  switch (m.kind) {
    case Kind::kVoteRequest:
      return raft::VoteRequest{m.pre, m.transfer, m.last, m.last_term};
    case Kind::kVoteAnswer:
      return raft::VoteAnswer{m.pre, m.granted};
    case Kind::kAppend:
      return raft::Append{m.prev, m.prev_term, m.last, {}, m.commit, m.read_round, m.quiet};
    case Kind::kAppendAnswer:
      return raft::AppendAnswer{m.accepted,  m.match,  m.prev,      m.hint,
                                m.hint_term, m.commit, m.read_round};
    case Kind::kSnapshotOffer:
      return raft::SnapshotOffer{m.last, m.last_term};
    case Kind::kTimeoutNow:
      return raft::TimeoutNow{};
    case Kind::kStepDown:
      return raft::StepDown{};
    case Kind::kGone:
      return raft::Gone{m.last};
  }
  return raft::StepDown{};
}

std::vector<wire::CatalogReplica> replicas_of(const std::vector<raft::Member>& members) {
  std::vector<wire::CatalogReplica> out;
  for (const auto& m : members) out.push_back({m.uid, m.broker, m.store});
  return out;
}

std::vector<raft::Member> members_of(const std::vector<wire::CatalogReplica>& replicas) {
  std::vector<raft::Member> out;
  for (const auto& r : replicas) out.push_back({r.uid, r.broker, r.store});
  return out;
}

}  // namespace

wire::RaftMessage to_wire(const raft::Message& message) {
  wire::RaftMessage out;
  out.group = message.group;
  out.from = message.from;
  out.to = message.to;
  out.term = message.term;
  std::visit(Flatten{out}, message.body);
  return out;
}

raft::Message from_wire(const wire::RaftMessage& message) {
  return {message.group, message.from, message.to, message.term, body_of(message)};
}

wire::Configuration to_wire(const raft::Membership& members) {
  return {replicas_of(members.voters), replicas_of(members.outgoing),
          replicas_of(members.learners)};
}

raft::Membership from_wire(const wire::Configuration& configuration, Index index) {
  return {members_of(configuration.voters), members_of(configuration.outgoing),
          members_of(configuration.learners), index};
}

}  // namespace strandlog::broker
