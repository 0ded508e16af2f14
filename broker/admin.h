// Admin: metadata, partition descriptions and the broker's own figures.
#pragma once

#include <string>

#include "broker/catalog_keeper.h"
#include "broker/context.h"

namespace strandlog::broker {

class Admin {
 public:
  Admin(Context& context, const CatalogKeeper& keeper) : context_(context), keeper_(keeper) {}

  void handle(const ReplyTo& to, const wire::MetadataRequest& request);
  void handle(const ReplyTo& to, const wire::DescribePartitionsRequest& request);
  void handle(const ReplyTo& to, const wire::StatusRequest& request);
  /// One sentence; "ready" when the broker can serve.
  std::string state() const;

 private:
  wire::MetadataAnswer::Topic describe(const CatalogTopic& topic) const;
  /// Knows every topic that there was when it started.
  bool is_complete() const;
  wire::WireError not_complete() const;
  wire::WireError why_missing(const std::string& topic) const;
  bool is_faulty(const wire::CatalogReplica& member) const;
  std::vector<wire::DescribePartitionsAnswer::Replica> conditions(
      const Replica& replica, const CatalogPartition& partition) const;

  Context& context_;
  const CatalogKeeper& keeper_;
};

}  // namespace strandlog::broker
