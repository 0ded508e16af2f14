// Admin: metadata, partition descriptions and the broker's own figures.
#pragma once

#include <optional>
#include <string>

#include "broker/catalog_keeper.h"
#include "broker/context.h"

namespace strandlog::broker {

class Admin {
 public:
  Admin(Context& context, CatalogKeeper& keeper) : context_(context), keeper_(keeper) {}

  /// kTooLarge when it names more than wire::kMaxTopicsAsked topics.
  void handle(const ReplyTo& to, const wire::MetadataRequest& request, uint32_t deadline_ms);
  void handle(const ReplyTo& to, const wire::DescribePartitionsRequest& request);
  void handle(const ReplyTo& to, const wire::StatusRequest& request);
  /// One sentence; "ready" when the broker can serve.
  std::string state() const;

 private:
  wire::MetadataAnswer::Topic describe(const CatalogTopic& topic) const;
  /// `why_unknown`: of topics that are not known here; without it they do not exist.
  void answer(const ReplyTo& to, const wire::MetadataRequest& request,
              const std::optional<wire::WireError>& why_unknown);
  bool is_registered() const;  ///< this start of the broker is in the catalog it has
  bool knows_all(const wire::MetadataRequest& request) const;
  wire::WireError why_unknown() const;
  std::vector<wire::DescribePartitionsAnswer::Replica> conditions(
      const Replica& replica, const CatalogPartition& partition) const;

  Context& context_;
  CatalogKeeper& keeper_;
};

}  // namespace strandlog::broker
