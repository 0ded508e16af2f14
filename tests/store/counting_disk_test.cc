// CountingDisk: what each lane was given and has not answered, and what it has answered.
#include "store/counting_disk.h"

#include <gtest/gtest.h>

#include "tests/store/fake_disk.h"

namespace strandlog::store {
namespace {

using Lane = DiskOp::Lane;

class CountingDiskTest : public testing::Test {
 protected:
  static DiskOp flush(Lane lane, uint64_t ticket) {
    DiskOp op;
    op.kind = DiskOp::Kind::kFlushDirectory;
    op.lane = lane;
    op.ticket = ticket;
    return op;
  }
  const DiskLane& lane(Lane which) const { return disk_.lanes()[static_cast<size_t>(which)]; }
  void poll() {
    std::vector<DiskDone> done;
    disk_.poll(done);
  }

  FakeDisk under_;
  CountingDisk disk_{under_};
};

TEST_F(CountingDiskTest, KnowsWhatEachLaneOwesAndHasAnswered) {
  under_.hold();
  disk_.submit(flush(Lane::kJournal, 1));
  disk_.submit(flush(Lane::kRead, 2));
  disk_.submit(flush(Lane::kRead, 3));
  poll();
  EXPECT_EQ(lane(Lane::kJournal).open, 1u);
  EXPECT_EQ(lane(Lane::kRead).open, 2u);
  EXPECT_EQ(lane(Lane::kBackground).open, 0u);
  EXPECT_EQ(lane(Lane::kRead).answered, 0u);

  under_.finish_one(Lane::kRead);
  poll();

  EXPECT_EQ(lane(Lane::kJournal).open, 1u);
  EXPECT_EQ(lane(Lane::kJournal).answered, 0u);
  EXPECT_EQ(lane(Lane::kRead).open, 1u);
  EXPECT_EQ(lane(Lane::kRead).answered, 1u);
}

TEST_F(CountingDiskTest, CountsEachOfSeveralOperationsWithTheSameTicket) {
  under_.hold();
  disk_.submit(flush(Lane::kBackground, 7));
  disk_.submit(flush(Lane::kBackground, 7));
  under_.finish_one(Lane::kBackground);
  poll();
  EXPECT_EQ(lane(Lane::kBackground).open, 1u);

  under_.finish_one(Lane::kBackground);
  poll();

  EXPECT_EQ(lane(Lane::kBackground).open, 0u);
  EXPECT_EQ(lane(Lane::kBackground).answered, 2u);
}

TEST_F(CountingDiskTest, DoesNotCountAnswersToAnEarlierUserOfTheDisk) {
  under_.hold();
  under_.submit(flush(Lane::kJournal, 1));
  disk_.submit(flush(Lane::kJournal, 2));
  under_.finish_one(Lane::kJournal);
  poll();

  EXPECT_EQ(lane(Lane::kJournal).open, 1u);
  EXPECT_EQ(lane(Lane::kJournal).answered, 0u);
}

TEST_F(CountingDiskTest, LeavesAloneWhatWasInTheListBefore) {
  under_.hold();
  disk_.submit(flush(Lane::kJournal, 1));
  std::vector<DiskDone> done(1);
  done[0].ticket = 1;
  disk_.poll(done);

  EXPECT_EQ(lane(Lane::kJournal).open, 1u);
}

}  // namespace
}  // namespace strandlog::store
