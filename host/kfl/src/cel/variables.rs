//! The variables of KFL2: what each is called, what it holds, and where an item has it.

use crate::{
    Settings,
    expr::{Expr, Literal, Operand},
    kfl1,
};
use hookline_item::Path;
use std::sync::LazyLock;

/// What an expression holds (cel-spec, "Values").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `double`
    Double,
    /// `string`
    Text,
    /// `timestamp`
    Time,
    /// `duration`
    Span,
    /// `list(string)`
    Texts,
    /// `map(string, dyn)`
    Map,
    /// `dyn`: told when it is run.
    Any,
    /// `null`
    Null,
}

impl Type {
    /// What CEL calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Double => "double",
            Self::Text => "string",
            Self::Time => "timestamp",
            Self::Span => "duration",
            Self::Texts => "list(string)",
            Self::Map => "map(string, dyn)",
            Self::Any => "dyn",
            Self::Null => "null",
        }
    }
}

/// A variable.
#[derive(Debug)]
pub struct Variable {
    /// Its name, with dots: `src.pod.name`.
    pub name: &'static str,
    /// What it holds.
    pub kind: Type,
    /// Where an item has it: a path, several paths for a list of their values, a filter in KFL1 for a flag.
    pub is: &'static str,
    /// One sentence for people.
    pub doc: &'static str,
}

const fn text(name: &'static str, is: &'static str, doc: &'static str) -> Variable {
    Variable { name, kind: Type::Text, is, doc }
}
const fn int(name: &'static str, is: &'static str, doc: &'static str) -> Variable {
    Variable { name, kind: Type::Int, is, doc }
}
const fn flag(name: &'static str, is: &'static str, doc: &'static str) -> Variable {
    Variable { name, kind: Type::Bool, is, doc }
}
const fn texts(name: &'static str, is: &'static str, doc: &'static str) -> Variable {
    Variable { name, kind: Type::Texts, is, doc }
}
const fn map(name: &'static str, is: &'static str, doc: &'static str) -> Variable {
    Variable { name, kind: Type::Map, is, doc }
}

/// All variables. Where several stand for one path, the first is what filters are translated to.
pub static VARIABLES: &[Variable] = &[
    // Protocols and kinds of items.
    flag("http", "http or http2", "HTTP/1.x or HTTP/2"),
    flag("http2", "http2", "HTTP/2"),
    flag("https", "https", "HTTP inside TLS"),
    flag("dns", "dns", "DNS, mDNS or LLMNR"),
    flag("tls", "tls", "A TLS handshake, or plaintext that came out of TLS"),
    flag("tcp", "tcp", "A TCP conversation"),
    flag("udp", "udp", "A UDP conversation"),
    flag("sctp", "sctp", "An SCTP conversation"),
    flag("icmp", "icmp", "ICMP or ICMPv6"),
    flag("grpc", "grpc", "gRPC"),
    flag("gql", "gql", "GraphQL"),
    flag("gqlv1", "gql and protocol.version == \"1.1\"", "GraphQL over HTTP/1.1"),
    flag("gqlv2", "gql and protocol.version == \"2\"", "GraphQL over HTTP/2"),
    flag("ws", "ws", "WebSocket"),
    flag("sse", "sse", "Server-sent events"),
    flag("redis", "redis", "Redis"),
    flag("kafka", "kafka", "Kafka"),
    flag("amqp", "amqp", "AMQP 0-9-1"),
    flag("mqtt", "mqtt", "MQTT"),
    flag("nats", "nats", "NATS"),
    flag("memcached", "memcached", "memcached"),
    flag("ldap", "ldap", "LDAP"),
    flag("radius", "radius", "RADIUS"),
    flag("diameter", "diameter", "Diameter"),
    flag("mongodb", "mongodb", "MongoDB"),
    flag("mysql", "mysql", "MySQL or MariaDB"),
    flag("postgresql", "postgresql", "PostgreSQL"),
    flag("quic", "quic", "QUIC"),
    flag("conn", "tcp or udp or sctp", "A conversation"),
    flag("flow", "tcp or udp or sctp", "A conversation"),
    flag("tcp_conn", "tcp", "A TCP conversation"),
    flag("tcp_flow", "tcp", "A TCP conversation"),
    flag("udp_conn", "udp", "A UDP conversation"),
    flag("udp_flow", "udp", "A UDP conversation"),
    flag("has_pcap", "frames != nil", "Whether its packets can be had"),
    text("protocol", "protocol.name", "The protocol's name"),
    text("protocol_abbr", "protocol.abbr", "The protocol's short name: HTTP, HTTP/2, gRPC"),
    text("protocol_version", "protocol.version", "The protocol's version"),
    // Who talks.
    text("src.ip", "src.ip", "Address of the client"),
    int("src.port", "src.port", "Port of the client"),
    text("src.name", "src.name", "Name of the client"),
    text("src.namespace", "src.namespace", "Kubernetes namespace of the client"),
    text("src.dns", "src.name", "Name of the client by DNS"),
    text("src.pod.name", "src.pod", "Pod of the client"),
    text("src.pod.namespace", "src.namespace", "Namespace of the client's pod"),
    text("src.service.name", "src.service", "Service of the client"),
    text("src.service.namespace", "src.namespace", "Namespace of the client's service"),
    text("dst.ip", "dst.ip", "Address of the server"),
    int("dst.port", "dst.port", "Port of the server"),
    text("dst.name", "dst.name", "Name of the server"),
    text("dst.namespace", "dst.namespace", "Kubernetes namespace of the server"),
    text("dst.dns", "dst.name", "Name of the server by DNS"),
    text("dst.pod.name", "dst.pod", "Pod of the server"),
    text("dst.pod.namespace", "dst.namespace", "Namespace of the server's pod"),
    text("dst.service.name", "dst.service", "Service of the server"),
    text("dst.service.namespace", "dst.namespace", "Namespace of the server's service"),
    texts("namespaces", "src.namespace, dst.namespace", "Namespaces of both sides"),
    texts("pods", "src.pod, dst.pod", "Pods of both sides"),
    texts("services", "src.service, dst.service", "Services of both sides"),
    texts("dns_resolutions", "src.name, dst.name", "Names of both sides"),
    text("node_name", "node.name", "Node that captured it"),
    text("node_ip", "node.ip", "Address of that node"),
    text("local_node_name", "src.node", "Node of the client"),
    text("remote_node_name", "dst.node", "Node of the server"),
    map("local_labels", "src.labels", "Labels of the client's pod"),
    map("remote_labels", "dst.labels", "Labels of the server's pod"),
    text("local_process_name", "src.processName", "Process of the client"),
    text("remote_process_name", "dst.processName", "Process of the server"),
    text("local_resolution_status", "src.resolutionMechanism", "How the client's name was found"),
    text("remote_resolution_status", "dst.resolutionMechanism", "How the server's name was found"),
    // The item.
    text("id", "id", "The item's id"),
    text("node_id", "worker", "Worker that made it"),
    text("worker", "worker", "Worker that made it"),
    int("index", "index", "Its number in its stream"),
    text("stream", "stream", "The transport stream"),
    text("conn_id", "stream", "The transport stream"),
    text("flow_id", "stream", "The transport stream"),
    Variable { name: "timestamp", kind: Type::Time, is: "timestamp", doc: "When its first frame was seen" },
    int("elapsed_time", "elapsedTime", "Microseconds from the end of the request to the start of the response"),
    int("request_size", "requestSize", "Bytes of the request on the wire"),
    int("response_size", "responseSize", "Bytes of the response on the wire"),
    int("size", "size", "Bytes of both on the wire"),
    text("summary", "summary", "One line about it"),
    text("capture_source", "capture.source", "File or interface that it came from"),
    text("capture_backend", "capture.backend", "What captured it"),
    text("error_type", "error.type", "What went wrong: dissection, connection, timeout, pair-not-found"),
    text("error_message", "error.msg", "What went wrong, in words"),
    // HTTP.
    text("method", "request.method", "Method or command of the request"),
    text("url", "request.url", "HTTP: target of the request"),
    text("path", "request.path", "HTTP: path of the request"),
    int("status_code", "response.status", "HTTP: status code"),
    text("http_version", "request.httpVersion", "HTTP: version"),
    map("query_string", "request.queryString", "HTTP: query by name"),
    map("request.headers", "request.headers", "HTTP: header fields of the request"),
    map("request.cookies", "request.cookies", "HTTP: cookies of the request"),
    map("response.headers", "response.headers", "HTTP: header fields of the response"),
    map("response.cookies", "response.cookies", "HTTP: cookies that the response sets"),
    int("request_body_size", "request.bodySize", "HTTP: bytes of the request's body"),
    int("response_body_size", "response.bodySize", "HTTP: bytes of the response's body"),
    text("grpc_service", "request.grpc.service", "gRPC: service"),
    text("grpc_method", "request.grpc.method", "gRPC: method"),
    int("grpc_status", "response.grpc.status", "gRPC: status code, -1 where there is none"),
    text("gql_operation", "request.graphql.operation", "GraphQL: query, mutation or subscription"),
    text("gql_name", "request.graphql.name", "GraphQL: name of the operation"),
    int("gql_error_count", "response.graphql.errorCount", "GraphQL: errors in the response"),
    // Names, handshakes, conversations.
    texts("dns_questions", "request.questions.name", "DNS: names that are asked for"),
    texts("dns_question_types", "request.questions.type", "DNS: types that are asked for"),
    texts("dns_answers", "response.answers.name", "DNS: names of the answers"),
    texts("dns_answer_types", "response.answers.type", "DNS: types of the answers"),
    texts("dns_answer_ips", "response.answers.ip", "DNS: addresses in the answers"),
    text("dns_response_code", "response.code", "DNS: response code"),
    int("dns_rcode", "response.rcode", "DNS: response code as a number"),
    flag("dns_request", "dns and request != nil", "DNS: there is a query"),
    flag("dns_response", "dns and response != nil", "DNS: there is a response"),
    text("tls_sni", "data.sni", "TLS, QUIC: server name that is asked for"),
    text("tls_summary", "summary", "TLS: one line about the handshake"),
    text("tls_ja3", "data.ja3Hash", "TLS: JA3 fingerprint"),
    text("tls_ja4", "data.ja4", "TLS, QUIC: JA4 fingerprint"),
    text("tcp_method", "method", "TCP: how the conversation ended"),
    text("tcp_error_type", "error.type", "TCP: what went wrong"),
    text("tcp_error_message", "error.msg", "TCP: what went wrong, in words"),
    text("conn_state", "data.state", "Conversation: its state"),
    int("conn_local_pkts", "data.client.packets", "Conversation: packets of the client"),
    int("conn_local_bytes", "data.client.bytes", "Conversation: bytes of the client"),
    int("conn_remote_pkts", "data.server.packets", "Conversation: packets of the server"),
    int("conn_remote_bytes", "data.server.bytes", "Conversation: bytes of the server"),
    text("conn_l7_detected", "data.l7", "Conversation: protocol that was recognised"),
    text("flow_state", "data.state", "Conversation: its state"),
    int("flow_local_pkts", "data.client.packets", "Conversation: packets of the client"),
    int("flow_local_bytes", "data.client.bytes", "Conversation: bytes of the client"),
    int("flow_remote_pkts", "data.server.packets", "Conversation: packets of the server"),
    int("flow_remote_bytes", "data.server.bytes", "Conversation: bytes of the server"),
    text("flow_l7_detected", "data.l7", "Conversation: protocol that was recognised"),
    int("icmp_type", "request.type", "ICMP: type"),
    int("icmp_version", "request.version", "ICMP: 4 or 6"),
    int("icmp_length", "request.payloadLength", "ICMP: bytes of the payload"),
    text("ws_opcode", "data.opCode", "WebSocket: opcode"),
    text("ws_payload", "data.payload", "WebSocket: payload"),
    text("ws_direction", "data.direction", "WebSocket: who sent it"),
    int("ws_payload_length", "data.payloadLength", "WebSocket: bytes of the payload"),
    // Stores and queues.
    text("redis_type", "request.type", "Redis: type of the command's value"),
    text("redis_command", "request.command", "Redis: command"),
    text("redis_key", "request.key", "Redis: first key"),
    text("redis_error", "response.error", "Redis: error"),
    int("kafka_api_key", "request.apiKey", "Kafka: API key"),
    text("kafka_api_key_name", "request.apiKeyName", "Kafka: name of the API"),
    int("kafka_api_version", "request.apiVersion", "Kafka: version of the API"),
    text("kafka_client_id", "request.clientID", "Kafka: client's name for itself"),
    int("kafka_size", "request.size", "Kafka: bytes of the request"),
    text("kafka_request_summary", "summary", "Kafka: one line about the request"),
    texts("kafka_topics", "request.topics", "Kafka: topics"),
    int("kafka_error_code", "response.errorCode", "Kafka: error code"),
    text("amqp_method", "request.method", "AMQP: method"),
    text("amqp_exchange", "request.exchange", "AMQP: exchange"),
    text("amqp_routing_key", "request.routingKey", "AMQP: routing key"),
    text("amqp_queue", "request.queue", "AMQP: queue"),
    text("ldap_operation", "request.operation", "LDAP: operation"),
    int("ldap_result_code", "response.resultCode", "LDAP: result code"),
    text("radius_code_name", "request.codeName", "RADIUS: what is asked"),
    int("radius_code", "request.code", "RADIUS: code of the request"),
    text("radius_user", "request.user", "RADIUS: user"),
    text("diameter_command_name", "request.commandName", "Diameter: command"),
    int("diameter_command_code", "request.commandCode", "Diameter: code of the command"),
    int("diameter_result_code", "response.resultCode", "Diameter: result code"),
    text("mongodb_command", "request.command", "MongoDB: command"),
    text("mongodb_database", "request.database", "MongoDB: database"),
    text("mongodb_collection", "request.collection", "MongoDB: collection"),
    text("mongodb_opcode", "request.opcode", "MongoDB: opcode"),
    flag("mongodb_success", "mongodb and response.success", "MongoDB: whether it succeeded"),
    int("mongodb_error_code", "response.errorCode", "MongoDB: error code"),
    text("mongodb_error_code_name", "response.errorCodeName", "MongoDB: name of the error"),
    text("mongodb_error_message", "response.errorMessage", "MongoDB: error in words"),
    text("mysql_command", "request.command", "MySQL: command"),
    text("mysql_query", "request.query", "MySQL: statement"),
    text("mysql_database", "request.database", "MySQL: database"),
    int("mysql_statement_id", "request.statementId", "MySQL: id of a prepared statement"),
    flag("mysql_success", "mysql and response.success", "MySQL: whether it succeeded"),
    int("mysql_error_code", "response.errorCode", "MySQL: error code"),
    text("mysql_error_message", "response.message", "MySQL: error in words"),
    text("postgresql_command", "request.command", "PostgreSQL: command"),
    text("postgresql_query", "request.query", "PostgreSQL: statement"),
    text("postgresql_database", "request.database", "PostgreSQL: database"),
    text("postgresql_user", "request.user", "PostgreSQL: user"),
    flag("postgresql_success", "postgresql and response.success", "PostgreSQL: whether it succeeded"),
    text("postgresql_error_code", "response.errorCode", "PostgreSQL: SQLSTATE"),
    text("postgresql_error_message", "response.message", "PostgreSQL: error in words"),
];

/// The variable of this name.
pub(crate) fn find(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|v| v.name == name)
}

/// The variable that stands for `path`.
pub(crate) fn of_path(path: &Path) -> Option<&'static Variable> {
    static PATHS: LazyLock<Vec<(Path, &Variable)>> = LazyLock::new(|| {
        let single = VARIABLES.iter().filter(|v| !v.is_flag() && !v.is.contains(','));
        single.filter_map(|v| Some((v.is.parse().ok()?, v))).collect()
    });
    PATHS.iter().find(|(p, _)| p == path).map(|(_, v)| *v)
}

impl Variable {
    pub(crate) fn is_flag(&self) -> bool {
        self.kind == Type::Bool
    }

    pub(crate) fn is_map(&self) -> bool {
        self.kind == Type::Map
    }

    pub(crate) fn is_list(&self) -> bool {
        self.kind == Type::Texts
    }

    /// Its value where an item has none, as CEL writes it.
    pub(crate) fn zero(&self) -> &'static str {
        match self.kind {
            Type::Bool => "false",
            Type::Int if self.name == "grpc_status" => "-1",
            Type::Int | Type::Double => "0",
            Type::Texts => "[]",
            Type::Map => "{}",
            _ => "\"\"",
        }
    }

    /// The condition of a flag.
    pub(super) fn condition(&self) -> Option<Expr> {
        let filter = kfl1::parse(self.is, kfl1::Names::Any, &Settings::default()).ok().filter(|_| self.is_flag())?;
        // A flag that is a macro of the same name is that macro.
        Some(if matches!(&filter, Expr::Named(name, ..) if **name == *self.name) { filter } else { Expr::named(self.name.into(), filter) })
    }

    /// What it reads, with its value where an item has none.
    pub(super) fn operand(&self) -> Option<Operand> {
        let mut paths = self.is.split(", ").map(|path| path.parse::<Path>().map(Operand::path));
        let first = paths.next()?.ok()?;
        let zero = match self.kind {
            Type::Text => Literal::Text(String::new()),
            Type::Int if self.name == "grpc_status" => Literal::Number(-1.0),
            Type::Int | Type::Double | Type::Time => Literal::Number(0.0),
            Type::Texts if self.is.contains(", ") => {
                let rest = paths.collect::<Result<Vec<_>, _>>().ok()?;
                return Some(Operand::List([vec![first], rest].concat()));
            }
            _ => return Some(first),
        };
        Some(Operand::Or(Box::new(first), zero))
    }
}
