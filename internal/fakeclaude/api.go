package fakeclaude

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// betaHeader must be among a call's anthropic-beta values when it comes with an
// OAuth token.
const betaHeader = "oauth-2025-04-20"

// restrictedMessage is how the API turns away OAuth tokens without the beta header.
const restrictedMessage = "This credential is only authorized for use with Claude Code and cannot be used for other API requests."

// neededScope says what a token must have been granted for a call.
var neededScope = map[string]string{
	"profile": "user:profile", "roles": "user:profile", "create_api_key": "org:create_api_key",
	"messages": "user:inference", "count_tokens": "user:inference",
}

// api answers the API's calls.
func (s *Server) api(kind string, r *http.Request, fields map[string]string) response {
	if kind == "hello" {
		return response{status: 200, fields: map[string]any{"message": "hello"}}
	}
	who, refusal := s.authorize(kind, r)
	if refusal != nil {
		return *refusal
	}
	switch kind {
	case "profile":
		return response{status: 200, fields: map[string]any{
			"account": map[string]any{
				"uuid": who.uuid, "email": who.email, "full_name": "Stand-in Person", "display_name": "Stand-in",
				"has_claude_max": who.plan == "max", "has_claude_pro": who.plan == "pro",
			},
			"organization": map[string]any{
				"uuid": who.organizationUUID, "name": who.organization,
				"organization_type": "claude_" + who.plan, "rate_limit_tier": who.rateLimitTier(),
			},
		}}
	case "roles":
		return response{status: 200, fields: map[string]any{
			"organization_uuid": who.organizationUUID, "organization_name": who.organization,
			"organization_role": "admin", "workspace_role": nil,
		}}
	case "create_api_key":
		s.mu.Lock()
		defer s.mu.Unlock()
		return response{status: 200, fields: map[string]any{"raw_key": s.ledger.addKey()}}
	case "models":
		model := map[string]any{"type": "model", "id": "claude-fake-1", "display_name": "Stand-in",
			"created_at": "2026-01-01T00:00:00Z"}
		return response{status: 200, fields: map[string]any{
			"data": []any{model}, "has_more": false, "first_id": model["id"], "last_id": model["id"],
		}}
	case "count_tokens":
		return response{status: 200, fields: map[string]any{"input_tokens": 1}}
	default:
		return message(fields)
	}
}

// authorize finds out whose call it is: by a living OAuth token with the beta header
// and the scope, or by an API key that was made here.
func (s *Server) authorize(kind string, r *http.Request) (account, *response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	no := func(status int, message string) (account, *response) {
		a := apiError(status, message)
		return account{}, &a
	}
	inference := kind == "models" || kind == "messages" || kind == "count_tokens"
	if key := r.Header.Get("X-Api-Key"); key != "" && inference {
		if !s.ledger.keys[key] {
			return no(401, "invalid x-api-key")
		}
		return s.switches.signedIn(), nil
	}
	token := bearer(r)
	t := s.ledger.tokens[token]
	switch {
	case token == "":
		return no(401, "Authentication is missing")
	case inference && !slices.Contains(betas(r), betaHeader):
		return no(403, restrictedMessage)
	case t == nil || t.refresh:
		return no(401, "Invalid bearer token")
	case !t.alive(s.now()):
		return no(401,
			"OAuth token has expired or was revoked. Please obtain a new token or refresh your existing token.")
	}
	if scope := neededScope[kind]; scope != "" && !slices.Contains(t.scopes, scope) {
		return no(403, "OAuth token does not meet scope requirement "+scope)
	}
	return t.family.account, nil
}

// betas lists the anthropic-beta values, which come comma-separated or repeated.
func betas(r *http.Request) []string {
	list := strings.Split(strings.Join(r.Header.Values("Anthropic-Beta"), ","), ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// message says "hi", as one object or as the stream of events that the real client
// asks for.
func message(fields map[string]string) response {
	model := fields["model"]
	usage := map[string]any{"input_tokens": 1, "output_tokens": 1}
	whole := func(content []any, stop any) map[string]any {
		return map[string]any{
			"id": "msg_FAKE", "type": "message", "role": "assistant", "model": model,
			"content": content, "stop_reason": stop, "stop_sequence": nil, "usage": usage,
		}
	}
	if fields["stream"] != "true" {
		return response{status: 200, fields: whole([]any{map[string]any{"type": "text", "text": "hi"}}, "end_turn")}
	}
	events := []map[string]any{
		{"type": "message_start", "message": whole([]any{}, nil)},
		{"type": "content_block_start", "index": 0, "content_block": map[string]any{"type": "text", "text": ""}},
		{"type": "content_block_delta", "index": 0, "delta": map[string]any{"type": "text_delta", "text": "hi"}},
		{"type": "content_block_stop", "index": 0},
		{"type": "message_delta", "delta": map[string]any{"stop_reason": "end_turn", "stop_sequence": nil},
			"usage": usage},
		{"type": "message_stop"},
	}
	var stream strings.Builder
	for _, event := range events {
		data, _ := json.Marshal(event)
		stream.WriteString("event: " + event["type"].(string) + "\ndata: " + string(data) + "\n\n")
	}
	return response{status: 200, raw: stream.String(),
		header: map[string]string{"Content-Type": "text/event-stream; charset=utf-8"}}
}
