package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// pair is one line of config.toml. value is a text, an int64, a bool or a list of such; anything
// else, a table for example, is nil, since no setting is one.
type pair struct {
	key   string
	value any
}

// notTOML is a text that breaks the rules of toml.io; Line counts from 1.
type notTOML struct{ line int }

func (e *notTOML) Error() string { return fmt.Sprintf("it is not valid TOML (line %d)", e.line) }

// pairs reads a file of settings with the library's parser alone: its decoder fills any type by
// reflection, which costs each command's start and a tenth of a megabyte, and a setting needs none.
// An error is a *notTOML.
func pairs(text string) ([]pair, error) {
	var p unstable.Parser
	p.Reset([]byte(strings.TrimPrefix(text, "\ufeff"))) // Windows editors begin a file with this mark
	var all []pair
	had := map[string]bool{}
	for p.NextExpression() {
		e := p.Expression()
		names := e.Key()
		names.Next()
		line := pair{key: string(names.Node().Data)}
		if e.Kind == unstable.KeyValue && names.IsLast() {
			line.value = valueOf(e.Value())
			if had[line.key] {
				return nil, &notTOML{p.Shape(e.Raw).Start.Line}
			}
			had[line.key] = true
		}
		all = append(all, line)
	}
	if bad, ok := p.Error().(*unstable.ParserError); ok {
		return nil, &notTOML{p.Shape(p.Range(bad.Highlight)).Start.Line}
	}
	return all, p.Error()
}

func valueOf(n *unstable.Node) any {
	switch n.Kind {
	case unstable.String:
		return string(n.Data)
	case unstable.Bool:
		return string(n.Data) == "true"
	case unstable.Integer:
		if number, err := strconv.ParseInt(string(n.Data), 0, 64); err == nil {
			return number
		}
	case unstable.Array:
		list := []any{}
		for element := n.Children(); element.Next(); {
			list = append(list, valueOf(element.Node()))
		}
		return list
	default: // nothing that a setting can be
	}
	return nil
}
