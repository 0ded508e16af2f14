// Retention; see retention.h.
#include "broker/retention.h"

#include "base/log.h"
#include "base/mark.h"
#include "broker/topic_settings.h"

namespace strandlog::broker {

std::optional<store::LogStart> decide_trim(const RetentionRule& rule,
                                           const store::ReplicaState& state,
                                           const std::vector<store::LogPiece>& pieces,
                                           Index committed, int64_t now_ms) {
  uint64_t kept = 0;
  for (const store::LogPiece& piece : pieces) kept += piece.bytes;
  const store::LogPoint* end = nullptr;
  for (const store::LogPiece& piece : pieces) {
    if (piece.end.index > committed) break;
    kept -= piece.bytes;
    bool is_old = rule.ms >= 0 && piece.end.append_time_ms < now_ms - rule.ms;
    bool is_last = &piece == &pieces.back();
    bool is_much = rule.bytes >= 0 && !is_last && kept >= static_cast<uint64_t>(rule.bytes);
    if (!is_old && !is_much) break;
    end = &piece.end;
  }
  // An end without records is what trims and elections leave: it would never be done with.
  if (end == nullptr || end->next_offset <= state.start.offset) return std::nullopt;
  const auto& configurations = state.configurations;
  if (configurations.empty() || configurations.front().index > end->index) return std::nullopt;
  return store::LogStart{end->index, end->term, end->next_offset, end->chain};
}

void Retention::tick() {
  if (context_.now < next_look_) return;
  next_look_ = context_.now.plus_ms(context_.config.retention_check_ms);
  for (const auto& [uid, known] : context_.replicas.all()) {
    if (!known.leads() || context_.catalog.topic(known.spec.topic) == nullptr) continue;
    look_at(*context_.replicas.find(uid));
  }
}

RetentionRule Retention::rule_of(const store::ReplicaSpec& spec) const {
  const auto& settings = context_.catalog.topic(spec.topic)->settings;
  RetentionRule rule{context_.config.retention_ms, context_.config.retention_bytes};
  rule.ms = setting_of(settings, kRetentionMs).value_or(rule.ms);
  rule.bytes = setting_of(settings, kRetentionBytes).value_or(rule.bytes);
  return rule;
}

void Retention::look_at(Replica& replica) {
  Uid uid = replica.spec.uid;
  const store::ReplicaState& state = context_.store.replicas().at(uid);
  if (!state.trims.empty() || !replica.group->committed_in_term()) return;  // one at a time
  auto start = decide_trim(rule_of(replica.spec), state, context_.store.pieces(uid), replica.commit,
                           context_.wall_ms);
  if (!start) return;
  auto proposed =
      context_.replicas.propose(replica, EntryKind::kTrim, 0, store::encode_log_start(*start), 0);
  if (!proposed.ok()) return;  // a transfer is under way: the next leader looks as well
  mark<"broker: retention trims a log">();
  ++context_.metrics.counters["trims_total"];
  LOG(kInfo, "retention", kv("topic", replica.spec.topic_name),
      kv("partition", replica.spec.partition), kv("from", state.start.offset),
      kv("to", start->offset));
}

}  // namespace strandlog::broker
