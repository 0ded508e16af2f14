// The two phases; see founding.h.
#include "broker/founding.h"

#include <algorithm>

#include "base/log.h"
#include "broker/address.h"

namespace strandlog::broker {
namespace {
constexpr const char* kNote = "founding";
constexpr size_t kMaxFounders = 5;

Result<void> check(const wire::FoundingDocument& document, const wire::BrokerAddress& self) {
  if (document.cluster.is_nil() || document.catalog_group.is_nil() || document.founders.empty() ||
      document.founders.size() > kMaxFounders) {
    return Error{Code::kInvalidArgument,
                 "a founding document names a cluster, a catalog group and 1 "
                 "to 5 brokers; this one names " +
                     std::to_string(document.founders.size())};
  }
  std::set<BrokerId> brokers;
  std::set<StoreId> stores;
  std::set<Uid> uids;
  bool named = false;
  for (const auto& founder : document.founders) {
    TRY(check_address(founder.address));
    brokers.insert(founder.address.broker);
    stores.insert(founder.address.store);
    uids.insert(founder.catalog_uid);
    named |= founder.address.broker == self.broker && founder.address.store == self.store;
  }
  size_t count = document.founders.size();
  if (brokers.size() != count || stores.size() != count || uids.size() != count ||
      uids.contains(Uid{})) {
    return Error{Code::kInvalidArgument, "two founders share a broker id, a store or a uid"};
  }
  if (!named) {
    return Error{Code::kWrongIdentity, "the founding document does not name broker " +
                                           std::to_string(self.broker.value) + " with store " +
                                           self.store.text()};
  }
  return {};
}
}  // namespace

bool Founding::restore() {
  Bytes note = context_.store.note(kNote);
  if (note.empty()) return true;
  auto document = wire::decode_founding_document(note.view().subspan(1));
  uint8_t state = note.data()[0];
  if (!document.ok() || state < 1 || state > 2) return false;
  document_ = *document;
  context_.founding = static_cast<wire::FoundingState>(state);
  if (context_.founding == wire::FoundingState::kFounded) {
    context_.cluster = document_->cluster;
    just_founded_ = true;
  }
  return true;
}

void Founding::keep(wire::FoundingState state, const wire::FoundingDocument& document) {
  Bytes encoded = wire::encode(document);
  std::vector<uint8_t> note{static_cast<uint8_t>(state)};
  note.insert(note.end(), encoded.data(), encoded.data() + encoded.size());
  context_.store.put_note(kNote, Bytes::take(std::move(note)));
  kept_in_ = context_.store.gathering();
  document_ = document;
  context_.founding = state;
}

std::optional<Uid> Founding::catalog_uid() const {
  if (!document_) return std::nullopt;
  for (const auto& founder : document_->founders) {
    if (founder.address.store == context_.self.address.store) return founder.catalog_uid;
  }
  return std::nullopt;
}

Result<void> Founding::prepare(const wire::FoundingDocument& document) {
  TRY(check(document, context_.self.address));
  if (document_ && *document_ != document) {
    return Error{Code::kConflict, "broker " + std::to_string(context_.self.address.broker.value) +
                                      " already holds the founding of cluster " +
                                      document_->cluster.text()};
  }
  if (!document_) keep(wire::FoundingState::kPrepared, document);
  return {};
}

Result<void> Founding::commit(const wire::FoundingDocument& document) {
  if (!document_ || *document_ != document) {
    return Error{Code::kConflict, "this broker did not prepare that founding; prepare it first"};
  }
  if (context_.founding == wire::FoundingState::kFounded) return {};
  wire::Configuration configuration;
  for (const auto& founder : document.founders) {
    configuration.voters.push_back(
        {founder.catalog_uid, founder.address.broker, founder.address.store});
  }
  Uid uid = *catalog_uid();
  store::ReplicaSpec spec{uid, document.catalog_group, {}, kCatalogName, 0, 0};
  context_.store.make(spec, wire::encode(configuration));
  context_.store.set_life(uid, store::Life::kLive);
  keep(wire::FoundingState::kFounded, document);
  context_.cluster = document.cluster;
  just_founded_ = true;
  LOG(kInfo, "founded", kv("cluster", document.cluster), kv("brokers", document.founders.size()));
  return {};
}

wire::FoundAnswer Founding::report() const {
  return {context_.founding, context_.self.address, document_};
}

void Founding::handle(const ReplyTo& to, const wire::FoundRequest& request) {
  using Step = wire::FoundRequest::Step;
  if (request.step != Step::kInspect) {
    if (!request.document) {
      context_.fail(to, Code::kInvalidArgument, "this step of founding needs the document");
      return;
    }
    auto done =
        request.step == Step::kPrepare ? prepare(*request.document) : commit(*request.document);
    if (!done.ok()) {
      context_.fail(to, done.error().code, done.error().text);
      return;
    }
    if (context_.store.dirty() || context_.store.writing()) {
      waiting_.emplace_back(context_.store.dirty() ? context_.store.gathering()
                                                   : context_.store.gathering().previous(),
                            to);
      return;
    }
  }
  context_.answer(to, report());
}

void Founding::on_durable() {
  while (!waiting_.empty() && waiting_.front().first <= context_.store.durable()) {
    context_.answer(waiting_.front().second, report());
    waiting_.pop_front();
  }
}

void Founding::on_peer_document(const wire::FoundingDocument& document) {
  if (context_.founding == wire::FoundingState::kFounded) return;
  bool ours = document_ && *document_ == document;
  if (ours && catalog_uid()) {
    (void)commit(document).ok();
    return;
  }
  if (document.founders.size() > kMaxFounders) return;
  if (document_) {
    LOG(kWarn, "a peer belongs to another founding than the one prepared here",
        kv("peer cluster", document.cluster), kv("prepared", document_->cluster));
    return;
  }
  for (const auto& founder : document.founders) {
    if (!check_address(founder.address).ok()) return;
    // A document that names this very store is this broker's own past: it prepared before it was
    // founded, so without the note there was a rollback and the old uid must not live again.
    if (founder.address.store == context_.self.address.store) return;
  }
  keep(wire::FoundingState::kFounded, document);
  context_.cluster = document.cluster;
  just_founded_ = true;
  LOG(kInfo, "joined", kv("cluster", document.cluster));
}

void Founding::found_alone() {
  if (context_.founding != wire::FoundingState::kBlank) return;
  wire::FoundingDocument document;
  document.cluster = context_.random.uuid<ClusterId>();
  document.catalog_group = context_.random.uuid<GroupId>();
  document.founders.push_back({context_.self.address, Uid{1}});
  document.group_partitions = 16;
  document.created_ms = context_.wall_ms;
  CHECK(prepare(document).ok());
  CHECK(commit(document).ok());
}

}  // namespace strandlog::broker
