// Whose directory it is: formatting, locking, refusing without touching.
#include "store/data_directory.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <sstream>

#include "tests/store/temp_directory.h"

namespace strandlog::store {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class CountingRandom : public Random {
 public:
  uint64_t next() override { return ++count_; }

 private:
  uint64_t count_ = 0;
};

constexpr BrokerId kBroker{3};

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void spit(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  fs::permissions(path, fs::perms(0600));
}

// Every name with its mode and content: what "untouched" means.
std::map<std::string, std::string> picture(const std::string& path) {
  std::map<std::string, std::string> out;
  for (const auto& item : fs::recursive_directory_iterator(path)) {
    struct stat info {};
    EXPECT_EQ(::lstat(item.path().c_str(), &info), 0);
    std::string& text = out[item.path()];
    text = std::to_string(info.st_mode) + ":";
    if (item.is_regular_file()) text += slurp(item.path());
  }
  return out;
}

class DataDirectoryTest : public ::testing::Test {
 protected:
  DataDirectoryTest() : path_(parent_ / "data") {}
  Identity formatted() {
    auto made = DataDirectory::format(path_, kBroker, random_);
    EXPECT_TRUE(made.ok()) << made.error().text;
    return made->identity();
  }
  Error refused_untouched() {
    auto before = picture(path_);
    auto opened = DataDirectory::open_or_format(path_, kBroker, random_);
    EXPECT_FALSE(opened.ok());
    EXPECT_EQ(picture(path_), before);
    return opened.ok() ? Error{} : opened.error();
  }

  TempDirectory parent_;
  std::string path_;
  CountingRandom random_;
};

TEST_F(DataDirectoryTest, FormatsAnAbsentDirectoryForItsOwnerAlone) {
  Identity made = formatted();

  EXPECT_TRUE(made.cluster.is_nil());
  EXPECT_FALSE(made.store.is_nil());
  EXPECT_EQ(made.broker, kBroker);
  for (const auto& item : fs::recursive_directory_iterator(path_)) {
    auto mode = static_cast<unsigned>(item.status().permissions());
    EXPECT_EQ(mode, item.is_directory() ? 0700u : 0600u) << item.path();
  }
  for (const char* name :
       {"LOCK", "FORMAT", "identity", "journal", "state", "partitions", "tmp", "lost"}) {
    EXPECT_TRUE(fs::exists(path_ + "/" + name)) << name;
  }
  EXPECT_EQ(slurp(path_ + "/FORMAT"), "strandlog data directory\nversion 1\n");
}

TEST_F(DataDirectoryTest, OpensWithTheSameIdentityAndEmptiesTmp) {
  Identity made = formatted();
  fs::create_directory(path_ + "/tmp/unfinished");
  spit(path_ + "/tmp/unfinished/file", "x");
  spit(path_ + "/lost/kept", "x");

  auto opened = DataDirectory::open(path_, kBroker);

  ASSERT_TRUE(opened.ok()) << opened.error().text;
  EXPECT_EQ(opened->identity(), made);
  EXPECT_TRUE(fs::is_empty(path_ + "/tmp"));
  EXPECT_TRUE(fs::exists(path_ + "/lost/kept"));
}

TEST_F(DataDirectoryTest, RefusesToFormatTwice) {
  formatted();
  EXPECT_EQ(DataDirectory::format(path_, kBroker, random_).error().code, Code::kConflict);
}

TEST_F(DataDirectoryTest, FinishesAFormattingThatWasCutShort) {
  formatted();
  fs::remove(path_ + "/FORMAT");
  spit(path_ + "/FORMAT.new", "stra");
  EXPECT_EQ(DataDirectory::open(path_, kBroker).error().code, Code::kNotFound);

  auto opened = DataDirectory::open_or_format(path_, kBroker, random_);

  ASSERT_TRUE(opened.ok()) << opened.error().text;
  EXPECT_TRUE(fs::exists(path_ + "/FORMAT"));
}

TEST_F(DataDirectoryTest, RemembersTheClusterAndJoinsNoOther) {
  formatted();
  ClusterId cluster = random_.uuid<ClusterId>(), other = random_.uuid<ClusterId>();
  {
    auto opened = DataDirectory::open(path_, kBroker);
    ASSERT_TRUE(opened->join(cluster).ok());
    ASSERT_TRUE(opened->join(cluster).ok()) << "the same one again";
    EXPECT_EQ(opened->join(other).error().code, Code::kConflict);
  }
  EXPECT_EQ(DataDirectory::open(path_, kBroker)->identity().cluster, cluster);
}

TEST_F(DataDirectoryTest, NamesTheProcessThatHoldsIt) {
  auto held = DataDirectory::format(path_, kBroker, random_);
  ASSERT_TRUE(held.ok());

  auto second = DataDirectory::open(path_, kBroker);
  auto reader = DataDirectory::open_read_only(path_);

  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Code::kLocked);
  EXPECT_THAT(second.error().text, HasSubstr("process " + std::to_string(::getpid())));
  EXPECT_EQ(reader.error().code, Code::kLocked);
}

TEST_F(DataDirectoryTest, IsFreeAfterItsHolderDiedWithoutGoodbye) {
  formatted();
  pid_t child = ::fork();
  if (child == 0) {
    auto held = DataDirectory::open(path_, kBroker);
    ::_exit(held.ok() ? 7 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(slurp(path_ + "/LOCK"), std::to_string(child) + "\n");
  EXPECT_TRUE(DataDirectory::open(path_, kBroker).ok());
}

TEST_F(DataDirectoryTest, ReadOnlyOpensAnyBrokersDirectoryAndChangesNothing) {
  Identity made = formatted();
  spit(path_ + "/tmp/unfinished", "x");
  auto before = picture(path_);
  {
    auto opened = DataDirectory::open_read_only(path_);
    ASSERT_TRUE(opened.ok()) << opened.error().text;
    EXPECT_EQ(opened->identity(), made);
  }
  EXPECT_EQ(picture(path_), before);
  EXPECT_EQ(DataDirectory::open_read_only(path_ + "-absent").error().code, Code::kNotFound);
}

TEST_F(DataDirectoryTest, RefusesAnotherBrokersDirectoryWithBothNumbers) {
  formatted();
  auto opened = DataDirectory::open(path_, BrokerId{9});
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::kWrongIdentity);
  EXPECT_THAT(opened.error().text, HasSubstr("belongs to broker 3"));
  EXPECT_THAT(opened.error().text, HasSubstr("configured as broker 9"));
}

TEST_F(DataDirectoryTest, RefusesADirectoryOpenToOthers) {
  formatted();
  fs::permissions(path_, fs::perms(0750));
  Error error = refused_untouched();
  EXPECT_EQ(error.code, Code::kDenied);
  EXPECT_THAT(error.text, HasSubstr("mode 0750"));
  EXPECT_THAT(error.text, HasSubstr("chmod 700 " + path_));

  fs::permissions(path_, fs::perms(0700));
  fs::permissions(path_ + "/identity", fs::perms(0644));
  EXPECT_EQ(refused_untouched().code, Code::kDenied);
  fs::permissions(path_ + "/identity", fs::perms(0600));
  fs::permissions(path_ + "/LOCK", fs::perms(0604));
  EXPECT_EQ(refused_untouched().code, Code::kDenied);
}

TEST_F(DataDirectoryTest, RefusesAnotherOwnersDirectory) {
  formatted();
  if (::chown(path_.c_str(), 12345, 12345) != 0) GTEST_SKIP() << "needs root";
  Error error = refused_untouched();
  EXPECT_EQ(error.code, Code::kDenied);
  EXPECT_THAT(error.text, HasSubstr("belongs to user 12345"));
}

TEST_F(DataDirectoryTest, RefusesADirectoryOfSomebodyElse) {
  fs::create_directory(path_);
  fs::permissions(path_, fs::perms(0700));
  spit(path_ + "/thesis.tex", "years of work");
  EXPECT_EQ(refused_untouched().code, Code::kWrongIdentity);
  fs::remove(path_ + "/thesis.tex");
  spit(path_ + "/FORMAT", "another store 1\n");
  EXPECT_EQ(refused_untouched().code, Code::kWrongIdentity);
  spit(path_ + "/FORMAT", "");
  EXPECT_EQ(refused_untouched().code, Code::kCorruption);
}

TEST_F(DataDirectoryTest, NeverAdvisesToChangeTheModeOfWhatIsNotOurs) {
  fs::create_directory(path_);
  std::ofstream(path_ + "/passwd") << "root";
  fs::permissions(path_, fs::perms(0755));
  Error error = refused_untouched();
  EXPECT_EQ(error.code, Code::kWrongIdentity);
  EXPECT_THAT(error.text, testing::Not(HasSubstr("chmod")));
}

TEST_F(DataDirectoryTest, RefusesALogWithoutItsFormatFile) {
  formatted();
  fs::remove(path_ + "/FORMAT");
  spit(path_ + "/journal/1", "rounds");
  EXPECT_EQ(refused_untouched().code, Code::kWrongIdentity);
}

TEST_F(DataDirectoryTest, RefusesANewerFormat) {
  formatted();
  spit(path_ + "/FORMAT", "strandlog data directory\nversion 2\n");
  Error error = refused_untouched();
  EXPECT_EQ(error.code, Code::kUnsupported);
  EXPECT_THAT(error.text, HasSubstr("version 2"));
}

TEST_F(DataDirectoryTest, CallsAMissingPartOfTheLogDamage) {
  formatted();
  fs::remove(path_ + "/journal");
  auto opened = DataDirectory::open(path_, kBroker);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::kCorruption);
  EXPECT_FALSE(fs::exists(path_ + "/journal"));
  fs::create_directory(path_ + "/journal");
  fs::permissions(path_ + "/journal", fs::perms(0700));
  fs::remove(path_ + "/identity");
  EXPECT_EQ(refused_untouched().code, Code::kCorruption);
}

// -------------------------------------------------------------------------------- setting aside

TEST_F(DataDirectoryTest, WhatIsSetAsideIsKeptUnderItsStoreAndANewOneIsThere) {
  Identity before = formatted();
  spit(path_ + "/journal/1.jnl", "rounds");
  fs::create_directory(path_ + "/partitions/7");
  spit(path_ + "/partitions/7/1-1.seg", "entries");

  auto fresh = DataDirectory::set_aside(path_, kBroker, random_);

  ASSERT_TRUE(fresh.ok()) << fresh.error().text;
  EXPECT_NE(fresh->identity().store, before.store);
  EXPECT_TRUE(fresh->identity().cluster.is_nil());
  EXPECT_TRUE(fs::is_empty(path_ + "/journal"));
  EXPECT_TRUE(fs::is_empty(path_ + "/partitions"));
  std::string lost = path_ + "/lost/" + before.store.text();
  EXPECT_EQ(slurp(lost + "/journal/1.jnl"), "rounds");
  EXPECT_EQ(slurp(lost + "/partitions/7/1-1.seg"), "entries");
  EXPECT_EQ(decode_identity(slurp(lost + "/identity"))->store, before.store);
}

TEST_F(DataDirectoryTest, SettingAsideIsFinishedByTheNextCallWhereverItWasCut) {
  for (int steps = 0; steps <= 4; ++steps) {
    fs::remove_all(path_);
    Identity before = formatted();
    spit(path_ + "/journal/1.jnl", "rounds");
    std::string lost = path_ + "/lost/" + before.store.text();
    Identity next = before;
    if (steps >= 1) fs::create_directory(lost);
    if (steps >= 2) fs::rename(path_ + "/journal", lost + "/journal");
    if (steps >= 3) {
      fs::rename(path_ + "/partitions", lost + "/partitions");
      fs::rename(path_ + "/state", lost + "/state");
    }
    if (steps >= 4) {
      next.store = random_.uuid<StoreId>();
      spit(path_ + "/identity", encode_identity(next));
    }
    if (steps >= 2) {
      auto cut_short = DataDirectory::open(path_, kBroker);
      ASSERT_FALSE(cut_short.ok()) << steps;
      EXPECT_EQ(cut_short.error().code, Code::kCorruption) << steps;
    }

    auto fresh = DataDirectory::set_aside(path_, kBroker, random_);

    ASSERT_TRUE(fresh.ok()) << steps << ": " << fresh.error().text;
    EXPECT_NE(fresh->identity().store, before.store);
    EXPECT_EQ(slurp(lost + "/journal/1.jnl"), "rounds") << steps;
    EXPECT_TRUE(fs::is_empty(path_ + "/journal")) << steps;
  }
}

TEST_F(DataDirectoryTest, NoMoreStoresAreSetAsideThanSomebodyMayHaveMissed) {
  formatted();
  for (size_t i = 0; i < DataDirectory::kMostLost; ++i) {
    ASSERT_TRUE(DataDirectory::set_aside(path_, kBroker, random_).ok());
  }
  auto before = picture(path_);

  auto more = DataDirectory::set_aside(path_, kBroker, random_);

  ASSERT_FALSE(more.ok());
  EXPECT_EQ(more.error().code, Code::kConflict);
  EXPECT_EQ(picture(path_), before);
}

TEST_F(DataDirectoryTest, AnotherBrokersDirectoryIsNotSetAside) {
  formatted();
  EXPECT_EQ(DataDirectory::set_aside(path_, BrokerId{9}, random_).error().code,
            Code::kWrongIdentity);
  spit(path_ + "/identity", "nothing of whose it is");
  EXPECT_EQ(DataDirectory::set_aside(path_, kBroker, random_).error().code, Code::kCorruption);
}

TEST(Identity, SurvivesTheRoundTripAndNoDamage) {
  CountingRandom random;
  Identity identity{random.uuid<ClusterId>(), BrokerId{42}, random.uuid<StoreId>()};
  std::string text = encode_identity(identity);

  EXPECT_EQ(decode_identity(text).value(), identity);
  for (size_t i = 0; i < text.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = text;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      auto decoded = decode_identity(damaged);
      ASSERT_FALSE(decoded.ok()) << "byte " << i << " bit " << bit;
      ASSERT_EQ(decoded.error().code, Code::kCorruption);
    }
    EXPECT_FALSE(decode_identity(text.substr(0, i)).ok()) << "cut at " << i;
  }
  EXPECT_FALSE(decode_identity(text + "x").ok());
}

}  // namespace
}  // namespace strandlog::store
