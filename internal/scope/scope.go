// Package scope names the OAuth scopes that this program tells apart: each is spelled here alone.
package scope

// What a login may do.
const (
	Inference = "user:inference"            // ask the models; Claude Code takes no login without it
	Profile   = "user:profile"              // tell whose login it is, and the plan
	APIKey    = "org:create_api_key"        // make a Console API key
	Sessions  = "user:sessions:claude_code" // Claude Code's sessions
	Servers   = "user:mcp_servers"          // MCP servers of the account
	Upload    = "user:file_upload"          // send files
)

// Default is what a sign-in asks for when nothing else is set: Claude Code needs Inference; identity
// and plan need Profile.
const Default = APIKey + " " + Profile + " " + Inference + " " + Sessions + " " + Servers + " " + Upload
