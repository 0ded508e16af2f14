// Writes the seed corpora from sample values: make_fuzz_corpus FOLDER.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include "tests/fuzz/seeds.h"
#include "tests/wire/samples.h"
#include "wire/codec.h"

namespace strandlog::wire {
namespace {

template <class Samples>
void write(const std::filesystem::path& folder, const Samples& samples) {
  std::filesystem::create_directories(folder);
  for (size_t i = 0; i < samples.size(); ++i) {
    Bytes frame = encode(samples[i]);
    std::ofstream out(folder / ("seed-" + std::to_string(i)), std::ios::binary);
    out << frame.text();
  }
}

void write_more(const std::filesystem::path& root) {
  std::map<std::string, size_t> written;
  for (const fuzz::Seed& seed : fuzz::more_seeds()) {
    std::filesystem::create_directories(root / seed.target);
    std::string name = "seed-" + std::to_string(written[seed.target]++);
    std::ofstream out(root / seed.target / name, std::ios::binary);
    out << text_of(seed.bytes);
  }
}

void write_all(const std::filesystem::path& root) {
  write_more(root);
  write(root / "frame", sample_configurations());
  write(root / "request", sample_requests());
  write(root / "answer", sample_answers());
  write(root / "peer_message", sample_peer_messages());
  write(root / "command", sample_commands());
  write(root / "catalog_row", sample_catalog_rows());
  write(root / "founding_document", sample_documents());
  write(root / "configuration", sample_configurations());
  write(root / "remembered_stores", sample_remembered_stores());
}

}  // namespace
}  // namespace strandlog::wire

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_fuzz_corpus FOLDER\n";
    return 2;
  }
  strandlog::wire::write_all(argv[1]);
  return 0;
}
