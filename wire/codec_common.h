// What the codec files share: building a frame, reading one within limits, the common structs.
#pragma once

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/endian.h"
#include "wire/codec.h"
#include "wire/frame.h"
#include "wire/schema/common.capnp.h"

namespace strandlog::wire {

constexpr size_t kMaxListItems = 65536;
constexpr size_t kMaxText = 64u << 10;

// ------------------------------------------------------------------------------------ building

/// A message under construction; small ones never leave the stack.
class FrameBuilder {
 public:
  FrameBuilder() : message_(kj::arrayPtr(scratch_, kScratchWords)) {}

  template <class Root>
  typename Root::Builder root(schema::RootKind kind) {
    auto root = message_.initRoot<Root>();
    root.setKind(kind);
    root.setVersion(kWireVersion);
    return root;
  }
  /// The sealed frame of what was built.
  Bytes finish();

 private:
  static constexpr size_t kScratchWords = 1024;
  capnp::word scratch_[kScratchWords] = {};
  capnp::MallocMessageBuilder message_;
};

template <class Items>
unsigned count_of(const Items& items) {
  return static_cast<unsigned>(items.size());
}

inline kj::StringPtr text_ptr(const std::string& text) { return {text.data(), text.size()}; }

template <class Tag, class Builder>
void put_uuid(const UuidOf<Tag>& id, Builder builder) {
  builder.setA(load_le<uint64_t>(id.bytes.data()));
  builder.setB(load_le<uint64_t>(id.bytes.data() + 8));
}

/// Also for the `where` groups of items, which have the fields of a schema::TopicPartition.
template <class Builder>
void put(const TopicPartition& where, Builder builder) {
  put_uuid(where.topic, builder.getTopic());
  builder.setPartition(where.partition);
}
void put(const BrokerAddress& address, schema::BrokerAddress::Builder builder);
void put(const FoundingDocument& document, schema::FoundingDocument::Builder builder);
void put(const CatalogReplica& replica, schema::CatalogReplica::Builder builder);
void put(const GroupMembers& members, schema::GroupMembers::Builder builder);
void put(const std::map<std::string, std::string>& settings,
         capnp::List<schema::Setting>::Builder builder);

template <class Items, class List>
void put_all(const Items& items, List list) {
  unsigned i = 0;
  for (const auto& item : items) put(item, list[i++]);
}

// ------------------------------------------------------------------------------------- reading

/// One frame being read: the first thing wrong is kept, later ones are ignored, and what is read
/// after it is empty; so the readers need no error path of their own.
class Reading {
 public:
  /// No honest list item takes less than a word, so `items` is the message's words: lists without
  /// bytes behind them end there.
  explicit Reading(size_t items) : items_left_(items) {}

  void fail(Code code, std::string text) {
    if (!error_) error_ = Error{code, "control frame: " + std::move(text)};
  }
  const std::optional<Error>& error() const { return error_; }

  std::string text(capnp::Text::Reader text);
  /// True when a list of `count` may be read.
  bool admit(size_t count);

  /// `raw` as an E when it is one of first..last (E's numbers have no holes), else kUnsupported.
  template <class E, class Raw>
  E choice(Raw raw, E first, E last, const char* what) {
    auto number = static_cast<uint16_t>(raw);
    if (number >= static_cast<uint16_t>(first) && number <= static_cast<uint16_t>(last))
      return static_cast<E>(number);
    fail(Code::kUnsupported, std::string("unknown ") + what + " " + std::to_string(number));
    return first;
  }

  /// Each item of `list` by the get() for its type.
  template <class List>
  auto all(const List& list) {
    std::vector<decltype(get(list[0], *this))> items;
    if (!admit(list.size())) return items;
    items.reserve(list.size());
    for (auto item : list) items.push_back(get(item, *this));
    return items;
  }

  /// Items into a map; a key that comes twice is refused.
  template <class Value, class List, class Name, class Get>
  std::map<std::string, Value> named(const List& list, Name name, Get value) {
    std::map<std::string, Value> out;
    if (!admit(list.size())) return out;
    for (auto item : list)
      if (!out.emplace(text(name(item)), value(item)).second)
        fail(Code::kInvalidArgument, "twice the same key");
    return out;
  }

 private:
  std::optional<Error> error_;
  size_t items_left_;
};

template <class Uuid, class Reader>
Uuid get_uuid(Reader reader) {
  Uuid id;
  store_le<uint64_t>(id.bytes.data(), reader.getA());
  store_le<uint64_t>(id.bytes.data() + 8, reader.getB());
  return id;
}
template <class Reader>
TopicPartition get_where(Reader reader) {
  return {get_uuid<TopicId>(reader.getTopic()), reader.getPartition()};
}
TopicPartition get(schema::TopicPartition::Reader reader, Reading& reading);
std::string get(capnp::Text::Reader reader, Reading& reading);
BrokerAddress get(schema::BrokerAddress::Reader reader, Reading& reading);
FoundingDocument get(schema::FoundingDocument::Reader reader, Reading& reading);
CatalogReplica get(schema::CatalogReplica::Reader reader, Reading& reading);
GroupMembers get(schema::GroupMembers::Reader reader, Reading& reading);
FoundingState get(schema::FoundingState state, Reading& reading);
std::map<std::string, std::string> get(capnp::List<schema::Setting>::Reader settings,
                                       Reading& reading);

/// An open frame's message in aligned memory with the reader's limits set.
class FrameReader {
 public:
  /// `flat` comes from open_frame().
  explicit FrameReader(ByteView flat);

  size_t words() const { return words_; }
  template <class Root>
  typename Root::Reader root() {
    return reader_->getRoot<Root>();
  }

 private:
  static constexpr size_t kScratchWords = 1024;
  size_t words_;
  uint64_t scratch_[kScratchWords];
  std::vector<uint64_t> large_;
  std::optional<capnp::FlatArrayMessageReader> reader_;
};

/// Opens `frame`, checks that its root is a `kind` of this version, and gives what
/// `read(root, reading)` returns, unless reading failed or Cap'n Proto found the frame malformed.
template <class Root, class Read>
auto decode_frame(ByteView frame, schema::RootKind kind, Read read)
    -> Result<std::invoke_result_t<Read, typename Root::Reader, Reading&>> {
  auto flat = open_frame(frame);
  if (!flat.ok()) return flat.error();
  try {
    FrameReader message(*flat);
    Reading reading(message.words());
    auto root = message.root<Root>();
    if (root.getKind() != kind)
      return Error{Code::kInvalidArgument,
                   "control frame: holds root " +
                       std::to_string(static_cast<unsigned>(root.getKind())) + ", wanted " +
                       std::to_string(static_cast<unsigned>(kind))};
    if (root.getVersion() != kWireVersion)
      return Error{Code::kUnsupported, "control frame: wire version " +
                                           std::to_string(root.getVersion()) + ", this build has " +
                                           std::to_string(kWireVersion)};
    auto value = read(root, reading);
    if (reading.error()) return *reading.error();
    return value;
  } catch (const kj::Exception& e) {
    return Error{Code::kInvalidArgument,
                 std::string("control frame: ") + e.getDescription().cStr()};
  }
}

}  // namespace strandlog::wire
