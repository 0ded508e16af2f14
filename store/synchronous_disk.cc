// Carrying out operations at once.
#include "store/synchronous_disk.h"

namespace strandlog::store {

Result<uint64_t> SynchronousDisk::write_pieces(const DiskOp& op) {
  uint64_t written = 0;
  for (const Bytes& piece : op.pieces) {
    TRY(disk_.write(op.file, op.position + written, piece));
    written += piece.size();
  }
  if (op.flush_after) TRY(disk_.flush(op.file));
  return written;
}

Result<uint64_t> SynchronousDisk::run(const DiskOp& op) {
  Result<void> result;
  switch (op.kind) {
    case DiskOp::Kind::kWrite:
      return write_pieces(op);
    case DiskOp::Kind::kRead:
      return disk_.read(op.file, op.position, *op.into);
    case DiskOp::Kind::kAllocate:
      result = disk_.allocate(op.file, op.position);
      if (result.ok() && op.flush_after) result = disk_.flush(op.file);
      break;
    case DiskOp::Kind::kFlush:
      result = disk_.flush(op.file);
      break;
    case DiskOp::Kind::kRemove:
      result = disk_.remove(op.path);
      break;
    case DiskOp::Kind::kFlushDirectory:
      result = disk_.flush_directory(op.path);
      break;
  }
  if (!result.ok()) return result.error();
  return uint64_t{0};
}

}  // namespace strandlog::store
