# What brokers tell each other: one root that gathers everything of a turn.
@0xeeec7b9dcd838b89;

using Cxx = import "/capnp/c++.capnp";
using Common = import "common.capnp";
$Cxx.namespace("strandlog::wire::schema");

struct RaftMessage {
  kind @0 :Kind;
  pre @1 :Bool;
  transfer @2 :Bool;
  granted @3 :Bool;
  accepted @4 :Bool;
  quiet @5 :Bool;
  frames @6 :UInt32;
  group :group {
    a @7 :UInt64;
    b @8 :UInt64;
  }
  from @9 :UInt64;
  to @10 :UInt64;
  term @11 :UInt64;
  last @12 :UInt64;
  lastTerm @13 :UInt64;
  prev @14 :UInt64;
  prevTerm @15 :UInt64;
  commit @16 :UInt64;
  match @17 :UInt64;
  hint @18 :UInt64;
  hintTerm @19 :UInt64;
  readRound @20 :UInt64;

  enum Kind {
    voteRequest @0;
    voteAnswer @1;
    append @2;
    appendAnswer @3;
    snapshotOffer @4;
    timeoutNow @5;
    stepDown @6;
    gone @7;
  }
}

struct LeaderNotice {
  group :group {
    a @0 :UInt64;
    b @1 :UInt64;
  }
  term @2 :UInt64;
  leader @3 :UInt64;
  broker @4 :UInt64;
}

struct ReplicaReport {
  uid @0 :UInt64;
  store :group {
    a @1 :UInt64;
    b @2 :UInt64;
  }
  creation @3 :UInt64;
  destroyed @4 :Bool;
}

struct RegisterReport {
  address @0 :Common.BrokerAddress;
  bootEpoch @1 :UInt64;
}

struct CatalogFetch {
  after @0 :UInt64;
}

struct CatalogEntries {
  first @0 :UInt64;
  commit @1 :UInt64;
  frames @2 :UInt32;
}

struct Condition {
  faulty @0 :List(UInt64);
}

struct PeerMessage {
  kind @0 :Common.RootKind;
  version @1 :UInt16;
  founding @2 :Common.FoundingState;
  cluster :group {
    a @3 :UInt64;
    b @4 :UInt64;
  }
  from @5 :UInt64;
  store :group {
    a @6 :UInt64;
    b @7 :UInt64;
  }
  bootEpoch @8 :UInt64;
  bootId @9 :UInt64;
  durableRound @10 :UInt64;
  toStore :group {
    a @11 :UInt64;
    b @12 :UInt64;
  }
  toBoot @13 :UInt64;
  leadershipsLost @14 :UInt64;
  document @15 :Common.FoundingDocument;
  registration @16 :RegisterReport;
  raft @17 :List(RaftMessage);
  leaders @18 :List(LeaderNotice);
  replicas @19 :List(ReplicaReport);
  catalogFetch @20 :CatalogFetch;
  catalogEntries @21 :CatalogEntries;
  condition @22 :Condition;
  bootRound @23 :UInt64;
  members @24 :List(Common.GroupMembers);
}
