# What several roots share; a uuid is two little-endian words, its bytes in order.
@0x9be034605341d678;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("strandlog::wire::schema");

# First field of every root: what the frame holds, so that no root is mistaken for another.
enum RootKind {
  none @0;
  request @1;
  answer @2;
  peerMessage @3;
  command @4;
  foundingDocument @5;
  configuration @6;
  rememberedStores @7;
  catalogRow @8;
}

enum FoundingState {
  blank @0;
  prepared @1;
  founded @2;
}

struct TopicPartition {
  topic :group {
    a @0 :UInt64;
    b @1 :UInt64;
  }
  partition @2 :UInt32;
}

struct Setting {
  key @0 :Text;
  value @1 :Text;
}

struct BrokerAddress {
  broker @0 :UInt64;
  store :group {
    a @1 :UInt64;
    b @2 :UInt64;
  }
  clientAddress @3 :Text;
  peerAddress @4 :Text;
}

struct Founder {
  address @0 :BrokerAddress;
  catalogUid @1 :UInt64;
}

struct FoundingDocument {
  cluster :group {
    a @0 :UInt64;
    b @1 :UInt64;
  }
  catalogGroup :group {
    a @2 :UInt64;
    b @3 :UInt64;
  }
  founders @4 :List(Founder);
  groupPartitions @5 :UInt32;
  createdMs @6 :Int64;
}

struct GroupMembers {
  where @0 :TopicPartition;
  creation @1 :UInt64;
  configuration @2 :UInt64;
  voters @3 :List(CatalogReplica);
}

struct CatalogReplica {
  uid @0 :UInt64;
  broker @1 :UInt64;
  store :group {
    a @2 :UInt64;
    b @3 :UInt64;
  }
}
