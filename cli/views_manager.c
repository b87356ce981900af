/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which members of the manager's answers are shown as text, in which order. Names are those of docs/api.yaml. Objects are
 * shown by kinds_view.c.
 */
#include "cli/commands.h"
#include "lib/error.h"

#define SECTION(kind, member, columns)                                                                                 \
	{                                                                                                              \
		kind, member, columns, ARRAY_LEN(columns)                                                              \
	}
#define VIEW(sections)                                                                                                 \
	{                                                                                                              \
		sections, ARRAY_LEN(sections)                                                                          \
	}

static const struct output_column changes_columns[] = {
	{"revision", "revision", OUTPUT_PLAIN},
	{"dry run", "dry_run", OUTPUT_PLAIN},
	{"changes", "changes", OUTPUT_LENGTH},
};

static const struct output_column change_columns[] = {
	{"ACTION", "action", OUTPUT_PLAIN},
	{"KIND", "kind", OUTPUT_PLAIN},
	{"NAME", "name", OUTPUT_PLAIN},
	{"FIELDS", "fields", OUTPUT_FIELDS},
};

/* Of a dry run: what agents say that it would end. */
static const struct output_column ended_columns[] = {
	{"rules it would end", "rules", OUTPUT_PLAIN},
	{"sessions on them", "sessions", OUTPUT_PLAIN},
	{"agents silent", "silent", OUTPUT_PLAIN},
};

static const struct output_column ended_host_columns[] = {
	{"HOST", "host", OUTPUT_PLAIN},
	{"RULES", "rules", OUTPUT_NUMBER},
	{"SESSIONS", "sessions", OUTPUT_NUMBER},
};

static const struct output_section changes_sections[] = {
	SECTION(OUTPUT_RECORD, "", changes_columns),
	SECTION(OUTPUT_TABLE, "changes", change_columns),
	SECTION(OUTPUT_RECORD, "live", ended_columns),
	SECTION(OUTPUT_TABLE, "live.hosts", ended_host_columns),
};

const struct output_view view_changes = VIEW(changes_sections);

static const struct output_column deleted_columns[] = {{"revision", "revision", OUTPUT_PLAIN}};
static const struct output_section deleted_sections[] = {SECTION(OUTPUT_RECORD, "", deleted_columns)};

const struct output_view view_deleted = VIEW(deleted_sections);

static const struct output_column version_columns[] = {
	{"VERSION", "version", OUTPUT_NUMBER},
	{"REVISION", "revision", OUTPUT_NUMBER},
	{"ENTRIES", "entries", OUTPUT_NUMBER},
};

static const struct output_section version_sections[] = {SECTION(OUTPUT_TABLE, "items", version_columns)};

const struct output_view view_versions = VIEW(version_sections);

static const struct output_column join_token_columns[] = {
	{"host", "host", OUTPUT_PLAIN},
	{"token", "token", OUTPUT_PLAIN},
	{"expires", "expires", OUTPUT_TIME},
	{"secret", "secret", OUTPUT_PLAIN},
	{"secret file", "secret_file", OUTPUT_PLAIN},
	{"its ovnet.json: manager", "manager", OUTPUT_PLAIN},
};

static const struct output_section join_token_sections[] = {SECTION(OUTPUT_RECORD, "", join_token_columns)};

const struct output_view view_join_token = VIEW(join_token_sections);

static const struct output_column manager_columns[] = {
	{"version", "version", OUTPUT_PLAIN},
	{"revision", "revision", OUTPUT_PLAIN},
	{"running for", "uptime_s", OUTPUT_SECONDS},
	{"you are", "who", OUTPUT_PLAIN},
	{"of account", "account", OUTPUT_PLAIN},
	{"with the role", "role", OUTPUT_PLAIN},
	{"store is shared", "store_shared", OUTPUT_PLAIN},
	{"store is stale", "store_stale", OUTPUT_PLAIN},
};

static const struct output_column agent_columns[] = {
	{"HOST", "host", OUTPUT_PLAIN},
	{"CONNECTED", "connected", OUTPUT_PLAIN},
	{"SENT", "sent", OUTPUT_NUMBER},
	{"APPLIED", "applied", OUTPUT_NUMBER},
	{"LATE-SINCE", "late_since", OUTPUT_NUMBER},
	{"DOCUMENTS", "documents", OUTPUT_NUMBER},
};

static const struct output_section manager_sections[] = {
	SECTION(OUTPUT_RECORD, "", manager_columns),
	{.kind = OUTPUT_COUNTS, .member = "objects"},
	SECTION(OUTPUT_TABLE, "agents", agent_columns),
};

const struct output_view view_manager_status = VIEW(manager_sections);

static const struct output_column wait_columns[] = {
	{"revision", "revision", OUTPUT_PLAIN},
	{"live", "live", OUTPUT_PLAIN},
	{"took (ms)", "took_ms", OUTPUT_PLAIN},
	{"agents late", "late_count", OUTPUT_PLAIN},
};

static const struct output_column late_columns[] = {
	{"HOST", "host", OUTPUT_PLAIN},
	{"CONNECTED", "connected", OUTPUT_PLAIN},
	{"APPLIED", "applied", OUTPUT_NUMBER},
};

static const struct output_section wait_sections[] = {
	SECTION(OUTPUT_RECORD, "", wait_columns),
	SECTION(OUTPUT_TABLE, "late", late_columns),
};

const struct output_view view_wait = VIEW(wait_sections);

static const struct output_column log_columns[] = {
	{"REVISION", "revision", OUTPUT_NUMBER},
	{"TIME", "time_ms", OUTPUT_TIME_MS},
	{"WHO", "who", OUTPUT_PLAIN},
	{"WRITES", "writes", OUTPUT_WRITES},
	{"WHY", "why", OUTPUT_PLAIN},
};

static const struct output_section log_sections[] = {SECTION(OUTPUT_TABLE, "items", log_columns)};

const struct output_view view_log = VIEW(log_sections);

static const struct output_column change_event_columns[] = {
	{"REVISION", "revision", OUTPUT_NUMBER},
	{"TIME", "time_ms", OUTPUT_TIME_MS},
	{"WHO", "who", OUTPUT_PLAIN},
	{"CHANGES", "changes", OUTPUT_CHANGES},
	{"WHY", "why", OUTPUT_PLAIN},
};

static const struct output_section change_event_sections[] = {SECTION(OUTPUT_TABLE, "", change_event_columns)};

const struct output_view view_change_event = VIEW(change_event_sections);

static const struct output_column backup_columns[] = {
	{"file", "file", OUTPUT_PLAIN},
	{"revision", "revision", OUTPUT_PLAIN},
	{"octets", "octets", OUTPUT_PLAIN},
};

static const struct output_section backup_sections[] = {SECTION(OUTPUT_RECORD, "", backup_columns)};

const struct output_view view_backup = VIEW(backup_sections);

static const struct output_column context_columns[] = {
	{"NAME", "name", OUTPUT_PLAIN},
	{"CURRENT", "current", OUTPUT_PLAIN},
	{"URL", "url", OUTPUT_PLAIN},
	{"TOKEN", "token", OUTPUT_PLAIN},
	{"CA", "ca", OUTPUT_PLAIN},
};

static const struct output_section context_list_sections[] = {SECTION(OUTPUT_TABLE, "contexts", context_columns)};

const struct output_view view_context_list = VIEW(context_list_sections);

static const struct output_column context_record[] = {
	{"name", "name", OUTPUT_PLAIN},
	{"current", "current", OUTPUT_PLAIN},
	{"url", "url", OUTPUT_PLAIN},
	{"has a token", "token", OUTPUT_PLAIN},
	{"ca", "ca", OUTPUT_PLAIN},
};

static const struct output_section context_show_sections[] = {SECTION(OUTPUT_RECORD, "", context_record)};

const struct output_view view_context_show = VIEW(context_show_sections);

static const struct output_section judgement_sections[] = {{.kind = OUTPUT_LINES, .member = "summary"}};

const struct output_view view_judgement = VIEW(judgement_sections);
