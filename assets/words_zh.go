package assets

import "keytender/internal/language"

var chinese = Words{
	Tag: language.Chinese,

	Done: "完成", NotDone: "未完成", TooLate: "已超时", Stopped: "已停止", Attention: "注意", InProgress: "进行中",

	Plan: "套餐：{{plan}}",
	Said: "登录服务给出的原因：{{said}}",

	Finishing: Page{
		Title: "正在完成登录",
		Body:  "已收到您的答复，正在安全保存。请稍候。",
		Next:  `页面会自动跳转。如果没有跳转，请<a href="{{next}}">点此继续</a>。`,
	},
	SignedIn: Page{
		Title: "已登录",
		Body:  "登录成功。登录信息已保存在这台电脑上，Keytender 会让它一直有效。",
		Next:  "您可以关闭此窗口，返回终端或菜单栏。",
	},
	Elsewhere: Page{
		Title: "已经登录",
		Body:  "您粘贴的代码先到达并完成了这次登录。此页面已不再需要。",
		Next:  "您可以关闭此窗口，返回终端或菜单栏。",
	},
	As: "{{title}}：{{email}}",
	Declined: Page{
		Title: "您选择了不允许",
		Body:  "没有保存任何内容，也没有更改任何内容。",
		Next:  "如果仍想登录，可随时重新开始并选择<strong>允许</strong>。",
	},
	TimedOut: Page{
		Title: "这次登录用时过长",
		Body:  "登录尚未完成，时间就已用尽。没有保存任何内容。",
		Next:  "请关闭此窗口，然后从菜单栏或终端重新登录。",
	},
	Cancelled: Page{
		Title: "这次登录已取消",
		Body:  "登录完成之前，已在菜单栏或终端中停止。没有保存任何内容。",
		Next:  "请关闭此窗口。您可以随时在那里重新登录。",
	},
	Stray: Page{
		Title: "此页面不属于当前的登录",
		Body:  "Keytender 没有接受它，也没有更改任何内容。这往往是之前尝试时留下的标签页。",
		Next:  "请关闭此窗口，在最新的登录标签页中完成登录，或重新登录。",
	},
	Refused: Page{
		Title: "这里没有可显示的内容",
		Body:  "Keytender 正在这里等待登录完成。此请求与登录无关，没有更改任何内容。",
		Next:  "您可以关闭此窗口。",
	},
	Welcome: Page{
		Title: "欢迎使用 Keytender",
		Body:  "Keytender 位于菜单栏，为 Claude Code 保持您自己的 Claude 账户的登录，并在到期前及时通知您。除 Anthropic 外，它不会把登录发送到任何地方；它不是 Anthropic 的产品。",
		Next:  "登录之前：Anthropic 的条款不允许第三方提供 Claude.ai 登录。服务器可能拒绝 Keytender，一旦拒绝即为最终结果。您可以选择以下方式。",
	},
	Ways: Table[Way]{
		{"browser", Way{"登录", "在浏览器中，由 Keytender 登录。",
			Page{Title: "正在打开登录页面", Body: "请在浏览器的新标签页中继续。", Next: "您可以关闭此窗口。进度见菜单栏中的钥匙图标。"}}},
		{"claude", Way{"通过 Claude Code 登录", "条款认可的 Claude Code 自身的登录。Keytender 保管它的一份副本。", Page{
			Title: "Claude Code 正在登录",
			Body:  "Keytender 已请 Claude Code 为您登录。",
			Next:  "请在 Claude Code 于浏览器中打开的页面上继续。进度见 Keytender 的菜单；您可以关闭此窗口。",
		}}},
		{"watch", Way{"仅查看", "Keytender 不保留副本：它显示 Claude Code 的登录状态和到期时间。", Page{Title: "Keytender 现在仅查看",
			Body: "它不保留您的登录的副本，并在 Claude Code 的登录到期前通知您。", Next: "您可以关闭此窗口。随时可以在菜单中更改。"}}},
	},

	NotSignedIn: "未能登录",
	Kept: Table[HTML]{{"keychain", "登录保存在这台电脑的钥匙串中。"}, {"file", "这里没有钥匙串：登录保存在只有您本人的用户可以读取的普通文件中。"},
		{"aside", "暂时没有地方接受它：它在您自己的文件中等待，之后会自动移走。"}},
	Failures: Table[[2]HTML]{
		{"", [2]HTML{"登录未能完成。", "请关闭此窗口。详情见菜单栏或终端。"}},
		{"refused", [2]HTML{"登录服务不允许 Keytender 为您登录。没有保存任何内容。", "请改为<strong>通过 Claude Code</strong> 登录：这是该服务提供的方式。"}},
		{"code-refused", [2]HTML{"登录服务没有接受这次答复。它只能使用一次，且仅在几分钟内有效。没有保存任何内容。", "请关闭此窗口，然后重新登录。"}},
		{"other-account", [2]HTML{"这不是所要求的账户。没有保存任何内容。", "请关闭此窗口，在浏览器中退出该账户，然后重新登录。"}},
		{"try-later", [2]HTML{"无法连接登录服务，或该服务出现故障。没有保存任何内容。", "请关闭此窗口，等待几分钟，然后重新登录。"}},
		{"locked", [2]HTML{"这台电脑的钥匙串已锁定，因此无法保存登录信息。", "请关闭此窗口，解锁钥匙串，然后重新登录。"}},
		{"keychain", [2]HTML{"这台电脑的钥匙串没有接受登录信息，因此没有保存任何内容。", "请关闭此窗口。原因见菜单栏或终端。"}},
		{"storage", [2]HTML{"无法在这台电脑上保存登录信息。", "请关闭此窗口，确认有可用空间，然后重新登录。"}},
	},
	Reasons: Table[HTML]{
		{"malformed", "请求格式不正确。"},
		{"repeated", "地址中有重复的参数。"},
		{"state", "这次登录的标记不一致：可能是攻击 (CSRF)，或是之前尝试时留下的页面。"},
		{"issuer", "答复来自另一个登录服务。"},
		{"no-code", "没有收到代码。"},
		{"code", "代码格式不正确。"},
		{"both", "答复中同时含有代码和错误。"},
		{"host", "此地址不属于这次登录。"},
		{"navigation", "这里只响应由人打开的页面。"},
		{"path", "此地址没有页面。"},
		{"method", "这里只响应页面读取。"},
		{"too-big", "请求过大。"},
	},
}
