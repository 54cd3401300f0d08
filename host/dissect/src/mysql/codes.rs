//! Numbers with names: commands and types of values.

/// Commands (`my_command.h`), by their number; from 0xfa on MariaDB's.
const COMMANDS: &[(u8, &str)] = &[
    (0x00, "COM_SLEEP"),
    (0x01, "COM_QUIT"),
    (0x02, "COM_INIT_DB"),
    (0x03, "COM_QUERY"),
    (0x04, "COM_FIELD_LIST"),
    (0x05, "COM_CREATE_DB"),
    (0x06, "COM_DROP_DB"),
    (0x07, "COM_REFRESH"),
    (0x08, "COM_SHUTDOWN"),
    (0x09, "COM_STATISTICS"),
    (0x0a, "COM_PROCESS_INFO"),
    (0x0b, "COM_CONNECT"),
    (0x0c, "COM_PROCESS_KILL"),
    (0x0d, "COM_DEBUG"),
    (0x0e, "COM_PING"),
    (0x0f, "COM_TIME"),
    (0x10, "COM_DELAYED_INSERT"),
    (0x11, "COM_CHANGE_USER"),
    (0x12, "COM_BINLOG_DUMP"),
    (0x13, "COM_TABLE_DUMP"),
    (0x14, "COM_CONNECT_OUT"),
    (0x15, "COM_REGISTER_SLAVE"),
    (0x16, "COM_STMT_PREPARE"),
    (0x17, "COM_STMT_EXECUTE"),
    (0x18, "COM_STMT_SEND_LONG_DATA"),
    (0x19, "COM_STMT_CLOSE"),
    (0x1a, "COM_STMT_RESET"),
    (0x1b, "COM_SET_OPTION"),
    (0x1c, "COM_STMT_FETCH"),
    (0x1d, "COM_DAEMON"),
    (0x1e, "COM_BINLOG_DUMP_GTID"),
    (0x1f, "COM_RESET_CONNECTION"),
    (0x20, "COM_CLONE"),
    (0x21, "COM_SUBSCRIBE_GROUP_REPLICATION_STREAM"),
    (0xfa, "COM_STMT_BULK_EXECUTE"),
    (0xfe, "COM_MULTI"),
];

/// Types of columns and parameters (`enum_field_types`).
const TYPES: &[(u8, &str)] = &[
    (0, "DECIMAL"),
    (1, "TINY"),
    (2, "SHORT"),
    (3, "LONG"),
    (4, "FLOAT"),
    (5, "DOUBLE"),
    (6, "NULL"),
    (7, "TIMESTAMP"),
    (8, "LONGLONG"),
    (9, "INT24"),
    (10, "DATE"),
    (11, "TIME"),
    (12, "DATETIME"),
    (13, "YEAR"),
    (15, "VARCHAR"),
    (16, "BIT"),
    (242, "VECTOR"),
    (245, "JSON"),
    (246, "NEWDECIMAL"),
    (247, "ENUM"),
    (248, "SET"),
    (249, "TINY_BLOB"),
    (250, "MEDIUM_BLOB"),
    (251, "LONG_BLOB"),
    (252, "BLOB"),
    (253, "VAR_STRING"),
    (254, "STRING"),
    (255, "GEOMETRY"),
];

fn named(table: &'static [(u8, &'static str)], code: u8) -> Option<&'static str> {
    table.iter().find(|(c, _)| *c == code).map(|(_, name)| *name)
}

pub(super) fn command_name(code: u8) -> String {
    named(COMMANDS, code).map_or_else(|| format!("0x{code:02x}"), str::to_owned)
}

pub(super) fn type_name(code: u8) -> String {
    named(TYPES, code).map_or_else(|| format!("0x{code:02x}"), str::to_owned)
}
