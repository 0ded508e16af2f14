// Founding: how a blank broker comes to belong to a cluster; always by an explicit act.
//
// Two phases, each durable before it is answered: PREPARED holds the document, FOUNDED makes the
// catalog replica it names. A broker that finds the cluster founded elsewhere (it was replaced, or
// a crash came between the phases) joins it without a catalog replica of its own, or finishes.
#pragma once

#include <deque>
#include <optional>
#include <utility>

#include "broker/context.h"

namespace strandlog::broker {

class Founding {
 public:
  explicit Founding(Context& context) : context_(context) {}

  /// Reads what the journal holds. Returns false when its note cannot be read.
  bool restore();
  void handle(const ReplyTo& to, const wire::FoundRequest& request);
  /// A founded peer told its document.
  void on_peer_document(const wire::FoundingDocument& document);
  /// --dev: a blank broker founds a cluster of itself.
  void found_alone();
  /// Answers requests whose round is durable.
  void on_durable();

  const std::optional<wire::FoundingDocument>& document() const { return document_; }
  /// The journal holds what document() and the state say.
  bool is_durable() const { return kept_in_ <= context_.store.durable(); }
  /// The local catalog replica that the document names for this store.
  std::optional<Uid> catalog_uid() const;
  /// True once after the broker became founded.
  bool take_founded() { return std::exchange(just_founded_, false); }

 private:
  Result<void> prepare(const wire::FoundingDocument& document);
  Result<void> commit(const wire::FoundingDocument& document);
  void keep(wire::FoundingState state, const wire::FoundingDocument& document);
  wire::FoundAnswer report() const;

  Context& context_;
  std::optional<wire::FoundingDocument> document_;
  std::deque<std::pair<RoundNumber, ReplyTo>> waiting_;
  RoundNumber kept_in_;
  bool just_founded_ = false;
};

}  // namespace strandlog::broker
