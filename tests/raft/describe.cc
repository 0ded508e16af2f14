// One line per message or decision.
#include "tests/raft/describe.h"

#include <variant>

namespace strandlog::raft {
namespace {

template <class Tag>
std::string text(Id<Tag> id) {
  return std::to_string(id.value);
}
std::string at(Index index, Term term) { return text(index) + "/" + text(term); }
std::string round_of(uint64_t round) { return round == 0 ? "" : " round=" + std::to_string(round); }

struct BodyText {
  std::string operator()(const VoteRequest& body) const {
    return std::string(body.pre ? "pre-vote" : "vote") + "? last=" + at(body.last, body.last_term) +
           (body.transfer ? " transfer" : "");
  }
  std::string operator()(const VoteAnswer& body) const {
    return std::string(body.pre ? "pre-vote " : "vote ") + (body.granted ? "granted" : "refused");
  }
  std::string operator()(const Append& body) const {
    return "append prev=" + at(body.prev, body.prev_term) + " last=" + text(body.last) +
           " commit=" + text(body.commit) + round_of(body.read_round) +
           (body.quiet ? " quiet" : "");
  }
  std::string operator()(const AppendAnswer& body) const {
    if (body.accepted) {
      return "ok match=" + text(body.match) + " commit=" + text(body.commit) +
             round_of(body.read_round);
    }
    return "refused prev=" + text(body.prev) + " hint=" + at(body.hint, body.hint_term) +
           " commit=" + text(body.commit) + round_of(body.read_round);
  }
  std::string operator()(const SnapshotOffer& body) const {
    return "snapshot " + at(body.index, body.index_term);
  }
  std::string operator()(const TimeoutNow&) const { return "timeout-now"; }
  std::string operator()(const StepDown&) const { return "step-down"; }
  std::string operator()(const Gone& body) const {
    return "gone configuration=" + text(body.configuration);
  }
};

std::string uids_of(const std::vector<Member>& members) {
  std::string out;
  for (const Member& one : members) out += (out.empty() ? "" : ",") + text(one.uid);
  return out;
}

}  // namespace

std::string describe(const Membership& membership) {
  std::string out = "voters=" + uids_of(membership.voters);
  if (!membership.outgoing.empty()) out += " outgoing=" + uids_of(membership.outgoing);
  if (!membership.learners.empty()) out += " learners=" + uids_of(membership.learners);
  return out;
}

std::string describe(const Message& message) {
  return text(message.from) + "->" + text(message.to) + " t" + text(message.term) + " " +
         std::visit(BodyText{}, message.body);
}

std::vector<std::string> describe(const Output& output) {
  std::vector<std::string> lines;
  for (const Message& message : output.at_once) lines.push_back(describe(message));
  for (const Send& send : output.sends) {
    lines.push_back("send ->" + text(send.to) + " t" + text(send.term) +
                    " prev=" + at(send.prev, send.prev_term) + " last=" + text(send.last) +
                    " commit=" + text(send.commit) + round_of(send.read_round));
  }
  for (const SnapshotSend& send : output.snapshots) {
    lines.push_back("snapshot ->" + text(send.to) + " at_least=" + text(send.at_least));
  }
  if (output.hard_state) {
    lines.push_back("hard term=" + text(output.hard_state->term) +
                    " vote=" + text(output.hard_state->vote));
  }
  if (output.install) {
    lines.push_back("install " + at(output.install->index, output.install->index_term));
  }
  if (output.truncate_from) lines.push_back("truncate " + text(*output.truncate_from));
  if (output.append_first) {
    lines.push_back("write " + text(*output.append_first) + ".." + text(*output.append_last) +
                    (output.noop ? " noop=" + text(*output.noop) : ""));
  }
  if (output.configuration) {
    lines.push_back("configuration " + text(output.configuration->index) + ": " +
                    describe(*output.configuration));
  }
  for (const Message& message : output.after_write) {
    lines.push_back("after write: " + describe(message));
  }
  for (const ReadReady& read : output.reads) {
    lines.push_back("read " + std::to_string(read.token) +
                    (read.index ? " at " + text(*read.index) : std::string(" not leader")));
  }
  if (output.became_leader) lines.push_back("leads term " + text(*output.became_leader));
  if (output.lost_leadership) lines.push_back("lost leadership");
  if (output.removed) lines.push_back("removed");
  return lines;
}

}  // namespace strandlog::raft
