//! The APIs whose bodies are read, as Kafka's message definitions have them (Kafka 4.1, `clients/src/main/resources/common/message`). A new one is
//! a table and a line in [`APIS`].

use super::schema::{
    Api, Field,
    Kind::{Bool, Bytes, Each, I8, I16, I32, I64, Records, Secret, Struct, Text, Uuid},
    all, between, from, until,
};

/// The tables of an API.
pub(super) fn get(key: i16) -> Option<&'static Api> {
    APIS.iter().find(|api| api.key == key)
}

const fn api(key: i16, flexible: i16, request: &'static [Field], response: &'static [Field]) -> Api {
    Api { key, flexible, request, response, classic_response: false }
}

static APIS: &[Api] = &[
    api(0, 9, PRODUCE, PRODUCED),
    api(1, 12, FETCH, FETCHED),
    api(2, 6, LIST_OFFSETS, LISTED_OFFSETS),
    api(3, 9, METADATA, METADATA_IS),
    api(8, 8, OFFSET_COMMIT, OFFSET_COMMITTED),
    api(9, 6, OFFSET_FETCH, OFFSET_FETCHED),
    api(10, 3, FIND_COORDINATOR, FOUND_COORDINATOR),
    api(11, 6, JOIN_GROUP, JOINED_GROUP),
    api(12, 4, HEARTBEAT, DONE),
    api(13, 4, LEAVE_GROUP, LEFT_GROUP),
    api(14, 4, SYNC_GROUP, SYNCED_GROUP),
    api(15, 5, DESCRIBE_GROUPS, DESCRIBED_GROUPS),
    api(16, 3, LIST_GROUPS, LISTED_GROUPS),
    api(17, i16::MAX, SASL_HANDSHAKE, SASL_HANDSHAKEN),
    Api { key: 18, flexible: 3, request: API_VERSIONS, response: API_VERSIONS_ARE, classic_response: true },
    api(19, 5, CREATE_TOPICS, CREATED_TOPICS),
    api(20, 4, DELETE_TOPICS, DELETED_TOPICS),
    api(22, 2, INIT_PRODUCER_ID, PRODUCER_ID_IS),
    api(36, 2, SASL_AUTHENTICATE, SASL_AUTHENTICATED),
];

const PRODUCE: &[Field] = &[
    from(3, "transactionalId", Text),
    all("acks", I16),
    all("timeoutMs", I32),
    all(
        "topicData",
        Each(&Struct(&[
            until(12, "name", Text),
            from(13, "topicId", Uuid),
            all("partitionData", Each(&Struct(&[all("index", I32), all("records", Records)]))),
        ])),
    ),
];

const PRODUCED: &[Field] = &[
    all(
        "responses",
        Each(&Struct(&[
            until(12, "name", Text),
            from(13, "topicId", Uuid),
            all(
                "partitionResponses",
                Each(&Struct(&[
                    all("index", I32),
                    all("errorCode", I16),
                    all("baseOffset", I64),
                    from(2, "logAppendTimeMs", I64),
                    from(5, "logStartOffset", I64),
                    from(8, "recordErrors", Each(&Struct(&[all("batchIndex", I32), all("batchIndexErrorMessage", Text)]))),
                    from(8, "errorMessage", Text),
                ])),
            ),
        ])),
    ),
    from(1, "throttleTimeMs", I32),
];

const FETCH: &[Field] = &[
    until(14, "replicaId", I32),
    all("maxWaitMs", I32),
    all("minBytes", I32),
    from(3, "maxBytes", I32),
    from(4, "isolationLevel", I8),
    from(7, "sessionId", I32),
    from(7, "sessionEpoch", I32),
    all(
        "topics",
        Each(&Struct(&[
            until(12, "topic", Text),
            from(13, "topicId", Uuid),
            all(
                "partitions",
                Each(&Struct(&[
                    all("partition", I32),
                    from(9, "currentLeaderEpoch", I32),
                    all("fetchOffset", I64),
                    from(12, "lastFetchedEpoch", I32),
                    from(5, "logStartOffset", I64),
                    all("partitionMaxBytes", I32),
                ])),
            ),
        ])),
    ),
    from(7, "forgottenTopicsData", Each(&Struct(&[until(12, "topic", Text), from(13, "topicId", Uuid), all("partitions", Each(&I32))]))),
    from(11, "rackId", Text),
];

const FETCHED: &[Field] = &[
    from(1, "throttleTimeMs", I32),
    from(7, "errorCode", I16),
    from(7, "sessionId", I32),
    all(
        "responses",
        Each(&Struct(&[
            until(12, "topic", Text),
            from(13, "topicId", Uuid),
            all(
                "partitions",
                Each(&Struct(&[
                    all("partitionIndex", I32),
                    all("errorCode", I16),
                    all("highWatermark", I64),
                    from(4, "lastStableOffset", I64),
                    from(5, "logStartOffset", I64),
                    from(4, "abortedTransactions", Each(&Struct(&[all("producerId", I64), all("firstOffset", I64)]))),
                    from(11, "preferredReadReplica", I32),
                    all("records", Records),
                ])),
            ),
        ])),
    ),
];

const LIST_OFFSETS: &[Field] = &[
    all("replicaId", I32),
    from(2, "isolationLevel", I8),
    all(
        "topics",
        Each(&Struct(&[
            all("name", Text),
            all(
                "partitions",
                Each(&Struct(&[
                    all("partitionIndex", I32),
                    from(4, "currentLeaderEpoch", I32),
                    all("timestamp", I64),
                    until(0, "maxNumOffsets", I32),
                ])),
            ),
        ])),
    ),
    from(10, "timeoutMs", I32),
];

const LISTED_OFFSETS: &[Field] = &[
    from(2, "throttleTimeMs", I32),
    all(
        "topics",
        Each(&Struct(&[
            all("name", Text),
            all(
                "partitions",
                Each(&Struct(&[
                    all("partitionIndex", I32),
                    all("errorCode", I16),
                    until(0, "oldStyleOffsets", Each(&I64)),
                    from(1, "timestamp", I64),
                    from(1, "offset", I64),
                    from(4, "leaderEpoch", I32),
                ])),
            ),
        ])),
    ),
];

const METADATA: &[Field] = &[
    all("topics", Each(&Struct(&[from(10, "topicId", Uuid), all("name", Text)]))),
    from(4, "allowAutoTopicCreation", Bool),
    between(8, 10, "includeClusterAuthorizedOperations", Bool),
    from(8, "includeTopicAuthorizedOperations", Bool),
];

const METADATA_IS: &[Field] = &[
    from(3, "throttleTimeMs", I32),
    all("brokers", Each(&Struct(&[all("nodeId", I32), all("host", Text), all("port", I32), from(1, "rack", Text)]))),
    from(2, "clusterId", Text),
    from(1, "controllerId", I32),
    all(
        "topics",
        Each(&Struct(&[
            all("errorCode", I16),
            all("name", Text),
            from(10, "topicId", Uuid),
            from(1, "isInternal", Bool),
            all(
                "partitions",
                Each(&Struct(&[
                    all("errorCode", I16),
                    all("partitionIndex", I32),
                    all("leaderId", I32),
                    from(7, "leaderEpoch", I32),
                    all("replicaNodes", Each(&I32)),
                    all("isrNodes", Each(&I32)),
                    from(5, "offlineReplicas", Each(&I32)),
                ])),
            ),
            from(8, "topicAuthorizedOperations", I32),
        ])),
    ),
    between(8, 10, "clusterAuthorizedOperations", I32),
    from(13, "errorCode", I16),
];

const OFFSET_COMMIT: &[Field] = &[
    all("groupId", Text),
    from(1, "generationIdOrMemberEpoch", I32),
    from(1, "memberId", Text),
    from(7, "groupInstanceId", Text),
    between(2, 4, "retentionTimeMs", I64),
    all(
        "topics",
        Each(&Struct(&[
            until(9, "name", Text),
            from(10, "topicId", Uuid),
            all(
                "partitions",
                Each(&Struct(&[
                    all("partitionIndex", I32),
                    all("committedOffset", I64),
                    from(6, "committedLeaderEpoch", I32),
                    between(1, 1, "commitTimestamp", I64),
                    all("committedMetadata", Text),
                ])),
            ),
        ])),
    ),
];

const OFFSET_COMMITTED: &[Field] = &[
    from(3, "throttleTimeMs", I32),
    all(
        "topics",
        Each(&Struct(&[
            until(9, "name", Text),
            from(10, "topicId", Uuid),
            all("partitions", Each(&Struct(&[all("partitionIndex", I32), all("errorCode", I16)]))),
        ])),
    ),
];

const OFFSET_FETCH: &[Field] = &[
    until(7, "groupId", Text),
    until(7, "topics", Each(&Struct(&[all("name", Text), all("partitionIndexes", Each(&I32))]))),
    from(
        8,
        "groups",
        Each(&Struct(&[
            all("groupId", Text),
            from(9, "memberId", Text),
            from(9, "memberEpoch", I32),
            all("topics", Each(&Struct(&[until(9, "name", Text), from(10, "topicId", Uuid), all("partitionIndexes", Each(&I32))]))),
        ])),
    ),
    from(7, "requireStable", Bool),
];

const FETCHED_OFFSETS: &[Field] = &[
    all("partitionIndex", I32),
    all("committedOffset", I64),
    from(5, "committedLeaderEpoch", I32),
    all("metadata", Text),
    all("errorCode", I16),
];

const OFFSET_FETCHED: &[Field] = &[
    from(3, "throttleTimeMs", I32),
    until(7, "topics", Each(&Struct(&[all("name", Text), all("partitions", Each(&Struct(FETCHED_OFFSETS)))]))),
    between(2, 7, "errorCode", I16),
    from(
        8,
        "groups",
        Each(&Struct(&[
            all("groupId", Text),
            all(
                "topics",
                Each(&Struct(&[until(9, "name", Text), from(10, "topicId", Uuid), all("partitions", Each(&Struct(FETCHED_OFFSETS)))])),
            ),
            all("errorCode", I16),
        ])),
    ),
];

const FIND_COORDINATOR: &[Field] = &[until(3, "key", Text), from(1, "keyType", I8), from(4, "coordinatorKeys", Each(&Text))];

const FOUND_COORDINATOR: &[Field] = &[
    from(1, "throttleTimeMs", I32),
    until(3, "errorCode", I16),
    between(1, 3, "errorMessage", Text),
    until(3, "nodeId", I32),
    until(3, "host", Text),
    until(3, "port", I32),
    from(
        4,
        "coordinators",
        Each(&Struct(&[
            all("key", Text),
            all("nodeId", I32),
            all("host", Text),
            all("port", I32),
            all("errorCode", I16),
            all("errorMessage", Text),
        ])),
    ),
];

const JOIN_GROUP: &[Field] = &[
    all("groupId", Text),
    all("sessionTimeoutMs", I32),
    from(1, "rebalanceTimeoutMs", I32),
    all("memberId", Text),
    from(5, "groupInstanceId", Text),
    all("protocolType", Text),
    all("protocols", Each(&Struct(&[all("name", Text), all("metadata", Bytes)]))),
    from(8, "reason", Text),
];

const JOINED_GROUP: &[Field] = &[
    from(2, "throttleTimeMs", I32),
    all("errorCode", I16),
    all("generationId", I32),
    from(7, "protocolType", Text),
    all("protocolName", Text),
    all("leader", Text),
    from(9, "skipAssignment", Bool),
    all("memberId", Text),
    all("members", Each(&Struct(&[all("memberId", Text), from(5, "groupInstanceId", Text), all("metadata", Bytes)]))),
];

const HEARTBEAT: &[Field] = &[all("groupId", Text), all("generationId", I32), all("memberId", Text), from(3, "groupInstanceId", Text)];

const DONE: &[Field] = &[from(1, "throttleTimeMs", I32), all("errorCode", I16)];

const LEAVE_GROUP: &[Field] = &[
    all("groupId", Text),
    until(2, "memberId", Text),
    from(3, "members", Each(&Struct(&[all("memberId", Text), all("groupInstanceId", Text), from(5, "reason", Text)]))),
];

const LEFT_GROUP: &[Field] = &[
    from(1, "throttleTimeMs", I32),
    all("errorCode", I16),
    from(3, "members", Each(&Struct(&[all("memberId", Text), all("groupInstanceId", Text), all("errorCode", I16)]))),
];

const SYNC_GROUP: &[Field] = &[
    all("groupId", Text),
    all("generationId", I32),
    all("memberId", Text),
    from(3, "groupInstanceId", Text),
    from(5, "protocolType", Text),
    from(5, "protocolName", Text),
    all("assignments", Each(&Struct(&[all("memberId", Text), all("assignment", Bytes)]))),
];

const SYNCED_GROUP: &[Field] = &[
    from(1, "throttleTimeMs", I32),
    all("errorCode", I16),
    from(5, "protocolType", Text),
    from(5, "protocolName", Text),
    all("assignment", Bytes),
];

const DESCRIBE_GROUPS: &[Field] = &[all("groups", Each(&Text)), from(3, "includeAuthorizedOperations", Bool)];

const DESCRIBED_GROUPS: &[Field] = &[
    from(1, "throttleTimeMs", I32),
    all(
        "groups",
        Each(&Struct(&[
            all("errorCode", I16),
            from(6, "errorMessage", Text),
            all("groupId", Text),
            all("groupState", Text),
            all("protocolType", Text),
            all("protocolData", Text),
            all(
                "members",
                Each(&Struct(&[
                    all("memberId", Text),
                    from(4, "groupInstanceId", Text),
                    all("clientId", Text),
                    all("clientHost", Text),
                    all("memberMetadata", Bytes),
                    all("memberAssignment", Bytes),
                ])),
            ),
            from(3, "authorizedOperations", I32),
        ])),
    ),
];

const LIST_GROUPS: &[Field] = &[from(4, "statesFilter", Each(&Text)), from(5, "typesFilter", Each(&Text))];

const LISTED_GROUPS: &[Field] = &[
    from(1, "throttleTimeMs", I32),
    all("errorCode", I16),
    all(
        "groups",
        Each(&Struct(&[all("groupId", Text), all("protocolType", Text), from(4, "groupState", Text), from(5, "groupType", Text)])),
    ),
];

const SASL_HANDSHAKE: &[Field] = &[all("mechanism", Text)];
const SASL_HANDSHAKEN: &[Field] = &[all("errorCode", I16), all("mechanisms", Each(&Text))];

const API_VERSIONS: &[Field] = &[from(3, "clientSoftwareName", Text), from(3, "clientSoftwareVersion", Text)];
const API_VERSIONS_ARE: &[Field] = &[
    all("errorCode", I16),
    all("apiKeys", Each(&Struct(&[all("apiKey", I16), all("minVersion", I16), all("maxVersion", I16)]))),
    from(1, "throttleTimeMs", I32),
];

const CREATE_TOPICS: &[Field] = &[
    all(
        "topics",
        Each(&Struct(&[
            all("name", Text),
            all("numPartitions", I32),
            all("replicationFactor", I16),
            all("assignments", Each(&Struct(&[all("partitionIndex", I32), all("brokerIds", Each(&I32))]))),
            all("configs", Each(&Struct(&[all("name", Text), all("value", Text)]))),
        ])),
    ),
    all("timeoutMs", I32),
    from(1, "validateOnly", Bool),
];

const CREATED_TOPICS: &[Field] = &[
    from(2, "throttleTimeMs", I32),
    all(
        "topics",
        Each(&Struct(&[
            all("name", Text),
            from(7, "topicId", Uuid),
            all("errorCode", I16),
            from(1, "errorMessage", Text),
            from(5, "numPartitions", I32),
            from(5, "replicationFactor", I16),
            from(
                5,
                "configs",
                Each(&Struct(&[
                    all("name", Text),
                    all("value", Text),
                    all("readOnly", Bool),
                    all("configSource", I8),
                    all("isSensitive", Bool),
                ])),
            ),
        ])),
    ),
];

const DELETE_TOPICS: &[Field] = &[
    from(6, "topics", Each(&Struct(&[all("name", Text), all("topicId", Uuid)]))),
    until(5, "topicNames", Each(&Text)),
    all("timeoutMs", I32),
];

const DELETED_TOPICS: &[Field] = &[
    from(1, "throttleTimeMs", I32),
    all("responses", Each(&Struct(&[all("name", Text), from(6, "topicId", Uuid), all("errorCode", I16), from(5, "errorMessage", Text)]))),
];

const INIT_PRODUCER_ID: &[Field] = &[
    all("transactionalId", Text),
    all("transactionTimeoutMs", I32),
    from(3, "producerId", I64),
    from(3, "producerEpoch", I16),
    from(6, "enable2Pc", Bool),
    from(6, "keepPreparedTxn", Bool),
];

const PRODUCER_ID_IS: &[Field] = &[
    all("throttleTimeMs", I32),
    all("errorCode", I16),
    all("producerId", I64),
    all("producerEpoch", I16),
    from(6, "ongoingTxnProducerId", I64),
    from(6, "ongoingTxnProducerEpoch", I16),
];

const SASL_AUTHENTICATE: &[Field] = &[all("authBytes", Secret)];
const SASL_AUTHENTICATED: &[Field] =
    &[all("errorCode", I16), all("errorMessage", Text), all("authBytes", Secret), from(1, "sessionLifetimeMs", I64)];
