package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"keytender/internal/config"
	"keytender/internal/session"
)

// What the shell is offered behind a verb or a flag: names of ours instead of files. It
// reads, says nothing, and offers nothing where something is wrong.

type offers = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// flagOffers are by the flag's name, on whichever verb it stands.
func flagOffers() map[string]offers {
	return map[string]offers{
		"account": offerAccounts,
		"method":  offerWords("browser", "paste", "claude-code"),
		"port":    cobra.NoFileCompletions, "timeout": cobra.NoFileCompletions, "expect": cobra.NoFileCompletions,
		"email": cobra.NoFileCompletions,
		"org":   cobra.NoFileCompletions, "scope": cobra.NoFileCompletions, "min-valid": cobra.NoFileCompletions,
		"repo":        cobra.NoFileCompletions,
		"ends-within": offerWords("3d", "1w"),
	}
}

// argumentOffers are by the verb's whole name. A verb that is not here takes no argument
// that could be offered, but for those in withFiles.
func argumentOffers() map[string]offers {
	return map[string]offers{
		"keytender switch":          first(offerAccounts),
		"keytender accounts rename": first(offerAccounts),
		"keytender accounts remove": first(offerAccounts),
		"keytender places forget":   first(offerPlaces),
		"keytender import":          first(offerWords("claude-code", "opencode", "-")),
		"keytender autostart":       first(offerWords("on", "off", "status")),
	}
}

// withFiles take the names of files, folders or programs.
var withFiles = []string{"keytender exec", "keytender which", "keytender lend", "keytender tray"}

// giveOffers tells the whole tree what to offer.
func giveOffers(cmd *cobra.Command) {
	for name, offer := range flagOffers() {
		if cmd.Flags().Lookup(name) != nil {
			_ = cmd.RegisterFlagCompletionFunc(name, offer) // fails when the verb has its own
		}
	}
	offer, known := argumentOffers()[cmd.CommandPath()]
	switch {
	case cmd.ValidArgsFunction != nil || cmd.ValidArgs != nil || cmd.HasAvailableSubCommands() && !known:
	case known:
		cmd.ValidArgsFunction = offer
	default:
		files := false
		for _, name := range withFiles {
			files = files || cmd.CommandPath() == name
		}
		if !files {
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
	}
	for _, below := range cmd.Commands() {
		giveOffers(below)
	}
}

// first offers for the first argument alone.
func first(offer offers) offers {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return offer(cmd, args, typed)
	}
}

func offerWords(words ...string) offers {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

func offerAccounts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	engine := quietEngine()
	if engine == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, _, _ := engine.AccountNames()
	return names, cobra.ShellCompDirectiveNoFileComp
}

func offerPlaces(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	engine := quietEngine()
	if engine == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	places, _ := engine.Places(cmd.Context())
	var ids []string
	for _, p := range places {
		if strings.HasPrefix(p.ID, typed) && p.Kind != "record" && p.Kind != "spill" {
			ids = append(ids, p.ID)
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

func quietEngine() *session.Engine {
	cfg, err := config.Load(os.LookupEnv, os.Environ())
	if err != nil {
		return nil
	}
	engine, err := session.Open(cfg)
	if err != nil {
		return nil
	}
	return engine
}

// bashAlone stands before the script for bash: what that calls of the package
// bash-completion, for a shell without it.
const bashAlone = `# keytender completes without the package bash-completion, too.
if ! declare -F _init_completion >/dev/null && ! declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref() {
        local line=${COMP_LINE:0:COMP_POINT}
        read -ra words <<<"$line"
        case $line in *[[:space:]]) words+=("") ;; esac
        cword=$((${#words[@]} - 1))
        cur=${words[cword]}
        prev=
        if ((cword > 0)); then prev=${words[cword - 1]}; fi
    }
    __ltrim_colon_completions() {
        local i=${#COMPREPLY[*]} colon=${1%"${1##*:}"}
        case $1 in *:*) ;; *) return ;; esac
        while ((i-- > 0)); do COMPREPLY[i]=${COMPREPLY[i]#"$colon"}; done
    }
fi

`
