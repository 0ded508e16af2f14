// Router: which broker leads which partition, as far as this client knows.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/any_broker.h"
#include "strandlog/client.h"

namespace strandlog::client {

struct PartitionRoute {
  GroupId group;
  BrokerId leader;  ///< 0: none known
  Term term;        ///< of the newest answer that told it
  /// The leader is a hint's, which has no term. It outlives one answer of the term before, which
  /// was under way or comes from a broker that lags; not two, for the hint may be the older word.
  bool hinted = false;
};

struct TopicRoute {
  TopicId id;
  std::string name;
  std::vector<PartitionRoute> partitions;  ///< by number
};

/// A cache of metadata, refreshed only when somebody needs something it lacks. Of topics that are
/// gone, or that nobody has used for a minute, it keeps 4096 at most.
class Router {
 public:
  using LookupHandler = std::function<void(Result<TopicRoute>)>;

  Router(AnyBroker& any, RequestTable& requests) : any_(any), requests_(requests) {}
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  /// nullptr: not known (yet).
  const TopicRoute* topic(const std::string& name) const;
  /// kNotFound when a broker said that the topic does not exist (only the catalog's leader does,
  /// and only with a majority's word), or when it has no such partition: made anew with fewer, say.
  /// Of a partition that it never heard of it asks first, unless it has just done so.
  std::optional<Error> why_gone(const TopicPartition& where);
  /// The leader's client address; empty: unknown.
  std::string leader_of(const std::string& topic, uint32_t partition) const;
  /// Refreshes what is known of the topic soon. While no broker knows it, or only ones that lag,
  /// they are asked on, 20 to 500 ms apart.
  void want(const std::string& topic) { wanted_[topic] = {}; }
  /// A broker named the leader, or said that it is none.
  void learn(const std::string& topic, uint32_t partition, const wire::WireError& error);
  /// What is known, if the topic has so many partitions there; else what metadata says that is
  /// asked for from now on, which may be fewer. kNotFound, kUnreachable, kTimeout or what the
  /// brokers answered last. The handler may run inside this call.
  uint64_t lookup(Time now, const std::string& topic, size_t partitions, Time deadline,
                  LookupHandler handler);
  void cancel(uint64_t lookup) { lookups_.erase(lookup); }
  void turn(Time now);
  Time next_deadline() const;

 private:
  /// Two refreshes are at least this far apart.
  static constexpr int64_t kSpacingMs = 20;
  /// For so long an answer tells how many partitions there are.
  static constexpr int64_t kFreshMs = 1'000;
  static constexpr size_t kMostUnused = 4096;
  static constexpr int64_t kUnusedMs = 60'000;
  struct Told {
    std::optional<TopicRoute> route;
    bool missing = false;
    /// Of the newest answer. It stays when the topic is gone: a broker that lags must not bring it
    /// back.
    uint64_t catalog_index = 0;
    Time asked_at;  ///< when somebody began to ask for that answer
    Time told_at;
    mutable Time used_at;         ///< by whoever looked at it
    Backoff backoff{kSpacingMs};  ///< while nobody knows enough
  };
  struct Lookup {
    std::string topic;
    size_t partitions;
    Time started;
    Time deadline;
    LookupHandler handler;
  };

  const Told* find(const std::string& name) const;
  Told& told(const std::string& name);
  void forget_unused();
  bool is_missing(const std::string& name) const;
  void want_later(const std::string& topic);
  void refresh(Time now);
  void on_metadata(Time started, AnyReply reply);
  void turn_from(const wire::MetadataAnswer& answer);
  bool is_outdated(const wire::MetadataAnswer::Topic& topic, uint64_t catalog_index) const;
  bool tells_all(const wire::MetadataAnswer& answer) const;
  bool brings_news(const wire::MetadataAnswer& answer) const;
  void absorb(const wire::MetadataAnswer& answer, Time asked_at);
  void absorb_topic(const wire::MetadataAnswer::Topic& topic, uint64_t catalog_index,
                    Time asked_at);
  void settle_lookups(Time now);
  std::optional<Result<TopicRoute>> outcome(Time now, const Lookup& lookup) const;

  AnyBroker& any_;
  RequestTable& requests_;
  Time now_;
  std::map<std::string, Told> told_;  ///< by topic
  /// The newest catalog_index of what was forgotten: nothing older is believed of other topics.
  uint64_t forgotten_index_ = 0;
  std::map<BrokerId, std::string> addresses_;
  std::map<std::string, Time> wanted_;  ///< topics, with the time to ask for each
  std::string last_asked_;              ///< the topic that was asked for last
  bool asking_ = false;
  Time not_before_;
  uint64_t next_lookup_ = 1;
  std::map<uint64_t, Lookup> lookups_;
  std::optional<Error> last_error_;
  Time failed_start_;  ///< the inquiry that ended in last_error_ began then
};

}  // namespace strandlog::client
