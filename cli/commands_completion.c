/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A script for bash. What stands to choose from is not in it: bash asks `ovnetctl complete` (complete.c) each time, which
 * knows the table of commands, and from the manager the names of objects.
 */
#include "cli/commands.h"

/*
 * Bash splits words also at ':' and '=', which addresses and selectors have: the line is split at spaces instead, and of what is
 * offered only the part behind the last of these is bash's to put in.
 */
static const char *const script =
	"# bash completion for ovnetctl, made by: ovnetctl completion bash\n"
	"_ovnetctl()\n"
	"{\n"
	"	local line=${COMP_LINE:0:COMP_POINT} current= prefix each\n"
	"	local -a words=()\n"
	"\n"
	"	read -ra words <<<\"$line\"\n"
	"	[[ $line == *[[:space:]] ]] || current=${words[-1]}\n"
	"	[[ $line == *[[:space:]] ]] || unset 'words[-1]'\n"
	"	COMPREPLY=()\n"
	"	mapfile -t COMPREPLY < <(\"${words[0]}\" complete \"${words[@]:1}\" \"$current\" "
	"2>/dev/null)\n"
	"	if [[ ${COMPREPLY[0]} == : ]]; then\n"
	"		mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
	"		compopt -o filenames 2>/dev/null\n"
	"		return\n"
	"	fi\n"
	"	prefix=${current%\"${current##*[:=]}\"}\n"
	"	for each in \"${!COMPREPLY[@]}\"; do\n"
	"		COMPREPLY[each]=${COMPREPLY[each]#\"$prefix\"}\n"
	"		[[ ${COMPREPLY[each]} != *[,:=] ]] || compopt -o nospace 2>/dev/null\n"
	"	done\n"
	"}\n"
	"complete -F _ovnetctl ovnetctl\n";

enum cli_status commands_completion_bash(const struct command_context *context)
{
	cJSON *result = cJSON_CreateObject();
	enum cli_status status = CLI_OK;

	if (cJSON_AddStringToObject(result, "script", script)) {
		output_result(context->output, context->command->view, result);
	} else {
		fputs("ovnetctl: out of memory\n", context->err);
		status = CLI_FAILED;
	}
	cJSON_Delete(result);
	return status;
}
