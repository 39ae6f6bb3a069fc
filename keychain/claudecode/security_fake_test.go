package claudecode

import (
	"context"
	"encoding/hex"
	"strings"
	"sync"
)

// fakeSecurity behaves as Apple's security(1) does, its traps included.
type fakeSecurity struct {
	mu       sync.Mutex
	items    map[string]string // "account\x00service" -> secret
	findExit int               // every find -w ends with it
	addExit  int               // every add ends with it, nothing stored
	stored   func(string) string
	hang     bool
	calls    [][]string
	stdins   []string
	running  int
	together int // the most that ran at once
}

func newFakeSecurity() *fakeSecurity { return &fakeSecurity{items: map[string]string{}} }

func (f *fakeSecurity) run(ctx context.Context, stdin []byte, args ...string) ([]byte, int, error) {
	f.mu.Lock()
	f.running++
	f.together = max(f.together, f.running)
	f.calls = append(f.calls, args)
	f.stdins = append(f.stdins, string(stdin))
	hang := f.hang
	f.mu.Unlock()
	defer func() { f.mu.Lock(); f.running--; f.mu.Unlock() }()
	if hang {
		<-ctx.Done()
		return nil, 0, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(args) == 1 && args[0] == "-i" {
		out, exit := f.interactive(string(stdin))
		return []byte(out), exit, nil
	}
	out, exit := f.command(args)
	return []byte(out), exit, nil
}

// interactive reads lines into 4096 bytes, NUL included: a longer one is run in
// pieces. A last line without newline is thrown away. The last command's status counts.
func (f *fakeSecurity) interactive(text string) (out string, exit int) {
	for text != "" {
		end := strings.IndexByte(text, '\n') + 1
		if end == 0 && len(text) <= 4095 {
			break
		}
		if end == 0 || end > 4095 {
			end = 4095
		}
		words := securityWords(strings.TrimSuffix(text[:end], "\n"))
		text = text[end:]
		if len(words) == 0 {
			exit = 0
			continue
		}
		var printed string
		printed, exit = f.command(words)
		out += printed
	}
	return out, exit
}

// securityWords splits as the tool does: quotes open only at the start of a word, the
// closing one ends it, a backslash takes the next byte in every state.
func securityWords(line string) (words []string) {
	for i := 0; i < len(line); {
		if line[i] == ' ' || line[i] == '\t' {
			i++
			continue
		}
		var quote byte
		if line[i] == '"' || line[i] == '\'' {
			quote = line[i]
			i++
		}
		var word []byte
		for i < len(line) {
			c := line[i]
			i++
			if c == '\\' && i < len(line) {
				word = append(word, line[i])
				i++
				continue
			}
			if (quote != 0 && c == quote) || (quote == 0 && (c == ' ' || c == '\t')) {
				break
			}
			word = append(word, c)
		}
		if words = append(words, string(word)); len(words) == 32 {
			break
		}
	}
	return words
}

func (f *fakeSecurity) command(words []string) (out string, exit int) {
	flags, values := map[string]bool{}, map[string]string{}
	for i := 1; i < len(words); i++ {
		takesValue := strings.Contains("-a -s -X", words[i]) || (words[i] == "-w" && strings.HasPrefix(words[0], "add"))
		flags[words[i]] = true
		if takesValue {
			if i++; i == len(words) {
				return "", 2
			}
			values[words[i-1]] = words[i]
		} else if words[i] != "-U" && words[i] != "-w" {
			return "", 2
		}
	}
	key := values["-a"] + "\x00" + values["-s"]
	switch {
	case words[0] != "" && strings.HasPrefix("find-generic-password", words[0]):
		if flags["-w"] && f.findExit != 0 {
			return "", f.findExit
		}
		secret, ok := f.items[key]
		if !ok {
			return "", 44
		}
		if !flags["-w"] {
			return "keychain: \"login.keychain-db\"\n" + `"mdat"<timedate>=` +
				hex.EncodeToString([]byte(secret[:min(4, len(secret))])) + "\n", 0
		}
		for i := range len(secret) {
			if secret[i] < 0x20 || secret[i] > 0x7e {
				return hex.EncodeToString([]byte(secret)) + "\n", 0
			}
		}
		return secret + "\n", 0
	case words[0] != "" && strings.HasPrefix("add-generic-password", words[0]):
		if f.addExit != 0 {
			return "", f.addExit
		}
		secret := values["-w"]
		if digits, ok := values["-X"]; ok {
			if len(digits)%2 == 1 {
				digits = "0" + digits
			}
			data, err := hex.DecodeString(digits)
			if err != nil {
				return "", 2
			}
			secret = string(data)
		}
		if _, there := f.items[key]; there && !flags["-U"] {
			return "", 45
		}
		if f.stored != nil {
			secret = f.stored(secret)
		}
		f.items[key] = secret
		return "", 0
	}
	return "", 1
}
