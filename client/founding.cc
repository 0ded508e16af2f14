// Founding: inspect all, agree on one document, prepare all, commit all, wait for a leader.
#include "client/founding.h"

#include <algorithm>
#include <set>

#include "client/error.h"

namespace strandlog::client {
namespace {

constexpr size_t kMaxFounders = 5;
constexpr uint32_t kGroupPartitions = 16;
constexpr int64_t kPollMs = 50;
// Elections and registrations after the second phase.
constexpr int64_t kElectionTimeouts = 4;

using Step = wire::FoundRequest::Step;

struct Inspected {
  std::string address;
  wire::FoundAnswer answer;
};

std::string broker_text(const wire::FoundAnswer& answer) {
  return "broker " + std::to_string(answer.address.broker.value);
}

class Founder {
 public:
  Founder(Port& port, AdminCore::Timeouts timeouts, const std::vector<std::string>& addresses)
      : port_(port), timeouts_(timeouts), addresses_(addresses) {}

  Result<ClusterDescription> run() {
    TRY(inspect());
    TRY(check_distinct());
    auto document = agree();
    if (!document.ok()) return document.error();
    TRY(tell_all(Step::kPrepare, *document));
    TRY(tell_all(Step::kCommit, *document));
    return await_leader();
  }

 private:
  Result<void> inspect() {
    if (addresses_.empty() || addresses_.size() > kMaxFounders) {
      return public_error(strandlog::Code::kInvalidArgument,
                          "a cluster is founded by 1 to 5 brokers, not " +
                              std::to_string(addresses_.size()) + "; others join later");
    }
    for (const std::string& address : addresses_) {
      TRY(check_address(address));
      Reply reply =
          port_.call(address, wire::FoundRequest{Step::kInspect, {}}, timeouts_.connect_ms);
      if (reply.failure) {
        return public_error(strandlog::Code::kUnreachable,
                            reply.failure->text + "; every founding broker must be there");
      }
      auto answer = body_of<wire::FoundAnswer>(reply, address);
      if (!answer.ok()) return answer.error();
      inspected_.push_back({address, std::move(*answer)});
    }
    std::sort(inspected_.begin(), inspected_.end(), [](const Inspected& a, const Inspected& b) {
      return a.answer.address.broker < b.answer.address.broker;
    });
    return {};
  }

  Result<void> check_distinct() const {
    for (size_t i = 1; i < inspected_.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        const auto& a = inspected_[j].answer.address;
        const auto& b = inspected_[i].answer.address;
        if (a.broker != b.broker && a.store != b.store) continue;
        std::string what = a.broker == b.broker ? "broker id " + std::to_string(a.broker.value)
                                                : "store " + a.store.text();
        return public_error(
            strandlog::Code::kConflict,
            inspected_[j].address + " and " + inspected_[i].address + " have the same " + what);
      }
    }
    return {};
  }

  bool names_exactly_these(const wire::FoundingDocument& document) const {
    std::set<std::pair<BrokerId, StoreId>> named, here;
    for (const auto& founder : document.founders) {
      named.insert({founder.address.broker, founder.address.store});
    }
    for (const Inspected& one : inspected_) {
      here.insert({one.answer.address.broker, one.answer.address.store});
    }
    return named == here;
  }

  // The document an interrupted attempt left behind, or a new one when all are blank.
  Result<wire::FoundingDocument> agree() {
    std::optional<wire::FoundingDocument> held;
    std::string conflicts;
    for (const Inspected& one : inspected_) {
      if (one.answer.state == wire::FoundingState::kBlank) continue;
      const auto& document = one.answer.document;
      std::string reason;
      if (!document) {
        reason = "belongs to a cluster already";
      } else if (!names_exactly_these(*document)) {
        reason = "holds the founding of cluster " + document->cluster.text() +
                 " by other brokers or stores";
      } else if (held && *held != *document) {
        reason = "holds another founding, of cluster " + document->cluster.text();
      } else {
        held = document;
        continue;
      }
      conflicts += (conflicts.empty() ? "" : "; ") + broker_text(one.answer) + " (" + one.address +
                   ") " + reason;
    }
    if (!conflicts.empty()) return public_error(strandlog::Code::kConflict, conflicts);
    return held ? *held : new_document();
  }

  wire::FoundingDocument new_document() {
    wire::FoundingDocument document;
    document.cluster = port_.random().uuid<ClusterId>();
    document.catalog_group = port_.random().uuid<GroupId>();
    document.group_partitions = kGroupPartitions;
    document.created_ms = port_.wall_ms();
    for (const Inspected& one : inspected_) {
      document.founders.push_back({one.answer.address, Uid{document.founders.size() + 1}});
    }
    return document;
  }

  Result<void> tell_all(Step step, const wire::FoundingDocument& document) {
    for (const Inspected& one : inspected_) {
      auto answer = body_of<wire::FoundAnswer>(
          port_.call(one.address, wire::FoundRequest{step, document}, timeouts_.request_ms),
          one.address);
      if (answer.ok()) continue;
      Error error = answer.error();
      error.text += step == Step::kPrepare ? "; nothing is founded yet, the same command resumes"
                                           : "; founding is half done, the same command resumes";
      return error;
    }
    return {};
  }

  Result<ClusterDescription> await_leader() {
    Time deadline = port_.now().plus_ms(timeouts_.request_ms * kElectionTimeouts);
    std::string waiting_for;
    while (true) {
      std::optional<wire::MetadataAnswer> last;
      size_t ready = 0;
      for (const Inspected& one : inspected_) {
        auto answer = body_of<wire::MetadataAnswer>(
            port_.call(one.address, wire::MetadataRequest{{}, true, false}, timeouts_.request_ms),
            one.address);
        bool knows = answer.ok() && answer->catalog_leader != BrokerId{} &&
                     answer->brokers.size() >= inspected_.size();
        if (!knows) {
          waiting_for = broker_text(one.answer) + " (" + one.address + ")";
          break;
        }
        ++ready;
        last = std::move(*answer);
      }
      if (ready == inspected_.size()) return cluster_of(*last);
      if (port_.now() >= deadline) {
        return public_error(strandlog::Code::kTimeout,
                            "founded, but " + waiting_for + " knows no catalog leader yet",
                            Written::kYes);
      }
      port_.pause(kPollMs);
    }
  }

  Port& port_;
  AdminCore::Timeouts timeouts_;
  const std::vector<std::string>& addresses_;
  std::vector<Inspected> inspected_;
};

}  // namespace

Result<ClusterDescription> found_cluster(Port& port, AdminCore::Timeouts timeouts,
                                         const std::vector<std::string>& addresses) {
  return Founder(port, timeouts, addresses).run();
}

}  // namespace strandlog::client
