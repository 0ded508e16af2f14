// The text of the identity file: one "name value" per line, the last one a CRC32C of the others.
#include <charconv>
#include <cstdio>
#include <string_view>

#include "base/crc32c.h"
#include "store/data_directory.h"

namespace strandlog::store {
namespace {

constexpr std::string_view kTitle = "strandlog identity\n";
constexpr uint64_t kVersion = 1;
constexpr size_t kCrcLine = sizeof("crc32c 00000000\n") - 1;

Error damaged(const std::string& what) {
  return {Code::kCorruption,
          "identity file: " + what +
              "; restore this file from a copy of this very store, or move the directory away and "
              "start with an empty one: the cluster then fills it again"};
}

std::string crc_line(std::string_view text) {
  char line[kCrcLine + 1];
  std::snprintf(line, sizeof line, "crc32c %08x\n", crc32c(view_of(text)));
  return line;
}

// Takes "name value\n" off the front of `rest`; nothing when another line is there.
std::optional<std::string_view> take_line(std::string_view& rest, std::string_view name) {
  size_t end = rest.find('\n');
  if (end == std::string_view::npos || rest.substr(0, name.size()) != name ||
      rest.size() <= name.size() || rest[name.size()] != ' ') {
    return std::nullopt;
  }
  std::string_view value = rest.substr(name.size() + 1, end - name.size() - 1);
  rest.remove_prefix(end + 1);
  return value;
}

std::optional<uint64_t> number_of(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <class Uuid>
bool parse_uuid(std::string_view text, Uuid& out) {
  if (text.size() != out.bytes.size() * 2) return false;
  for (size_t i = 0; i < out.bytes.size(); ++i) {
    const char* digits = text.data() + 2 * i;
    auto [end, error] = std::from_chars(digits, digits + 2, out.bytes[i], 16);
    if (error != std::errc{} || end != digits + 2) return false;
  }
  return true;
}

}  // namespace

Result<void> check_broker_of(const Identity& identity, BrokerId broker, const std::string& path) {
  if (identity.broker == broker) return {};
  return Error{Code::kWrongIdentity,
               path + " belongs to broker " + std::to_string(identity.broker.value) +
                   ", this one is configured as broker " + std::to_string(broker.value) +
                   ": correct broker.id or data.dir"};
}

std::string encode_identity(const Identity& identity) {
  std::string text(kTitle);
  text += "version " + std::to_string(kVersion) + "\n";
  text += "cluster " + identity.cluster.text() + "\n";
  text += "broker " + std::to_string(identity.broker.value) + "\n";
  text += "store " + identity.store.text() + "\n";
  return text + crc_line(text);
}

Result<Identity> decode_identity(const std::string& text) {
  if (text.size() < kTitle.size() + kCrcLine) {
    return damaged(std::to_string(text.size()) + " bytes are too few");
  }
  std::string_view rest = std::string_view(text).substr(0, text.size() - kCrcLine);
  if (std::string stored = text.substr(rest.size()); stored != crc_line(rest)) {
    return damaged("its checksum does not match");
  }
  if (rest.substr(0, kTitle.size()) != kTitle) return damaged("its first line is unknown");
  rest.remove_prefix(kTitle.size());
  auto version = number_of(take_line(rest, "version").value_or(""));
  if (!version) return damaged("no version");
  if (*version != kVersion) {
    return Error{Code::kUnsupported, "identity file of version " + std::to_string(*version) +
                                         "; this program reads version " +
                                         std::to_string(kVersion) + ": use the newer program"};
  }
  Identity identity;
  auto cluster = take_line(rest, "cluster");
  auto broker = number_of(take_line(rest, "broker").value_or(""));
  auto store = take_line(rest, "store");
  if (!cluster || !broker || !store || !rest.empty() || !parse_uuid(*cluster, identity.cluster) ||
      !parse_uuid(*store, identity.store)) {
    return damaged("a field is missing or malformed");
  }
  identity.broker = BrokerId{*broker};
  return identity;
}

}  // namespace strandlog::store
