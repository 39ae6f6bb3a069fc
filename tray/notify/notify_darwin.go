package notify

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/ebitengine/purego/objc"
)

// systemNotices shows notifications under our own name and with a button where the
// program runs from its bundle; elsewhere macOS has none for us.
func systemNotices(onAction func(Deed)) func(Notice) error {
	if c := openCenter(onAction); c != nil {
		return c.show
	}
	return byBeeep()
}

// Apple's UserNotifications framework, whose numbers these are.
const (
	frameworks    = "/System/Library/Frameworks/"
	optionAlert   = uint(1 << 2)    // UNAuthorizationOptionAlert
	presentInList = uintptr(1 << 3) // UNNotificationPresentationOptionList
	presentBanner = uintptr(1 << 4) // UNNotificationPresentationOptionBanner
	noOptions     = uint(0)         // UNNotificationActionOptionNone, UNNotificationCategoryOptionNone
	deliveryWait  = 10 * time.Second
)

var (
	errNoReply = errors.New("the system did not answer")
	errFuse    = errors.New("the system's notifications could not be tried safely")
)

// center is UNUserNotificationCenter. What it calls, it calls on threads of its own;
// nothing here waits on one of those.
type center struct {
	id    objc.ID
	fuse  fuse
	asked button
	count int
}

// openCenter returns nil where there is none for this program.
func openCenter(onAction func(Deed)) (c *center) {
	for _, name := range []string{"Foundation", "UserNotifications"} {
		if _, err := purego.Dlopen(frameworks+name+".framework/"+name, purego.RTLD_GLOBAL|purego.RTLD_NOW); err != nil {
			return nil
		}
	}
	program, err := os.Executable()
	if err != nil {
		return nil
	}
	dir, err := os.UserCacheDir()
	if err != nil || os.MkdirAll(filepath.Join(dir, "keytender"), 0o700) != nil {
		return nil
	}
	pooled(func() {
		bundle := send(class("NSBundle"), "mainBundle")
		if !inBundle(goString(send(bundle, "bundleIdentifier")), goString(send(bundle, "bundlePath")), program) {
			return
		}
		f := fuse{filepath.Join(dir, "keytender", "notifications-tried")}
		f.try(func() {
			id := send(class("UNUserNotificationCenter"), "currentNotificationCenter")
			if id == 0 {
				return
			}
			opened := &center{id: id, fuse: f}
			delegate := opened.delegate(onAction)
			if delegate == 0 {
				return
			}
			send(id, "setDelegate:", delegate) // it does not keep it; new did
			opened.ask()
			c = opened
		})
	})
	return c
}

// delegate makes the object that macOS tells of the button, and asks whether to show a
// notification although the program is at the front.
func (c *center) delegate(onAction func(Deed)) objc.ID {
	var protocols []*objc.Protocol
	if p := objc.GetProtocol("UNUserNotificationCenterDelegate"); p != nil {
		protocols = append(protocols, p)
	}
	class, err := objc.RegisterClass("KeytenderNotices", objc.GetClass("NSObject"), protocols, nil, []objc.MethodDef{
		{Cmd: objc.RegisterName("userNotificationCenter:willPresentNotification:withCompletionHandler:"),
			Fn: func(_ objc.ID, _ objc.SEL, _, _ objc.ID, done objc.Block) {
				call(done, presentBanner|presentInList)
			}},
		{Cmd: objc.RegisterName("userNotificationCenter:didReceiveNotificationResponse:withCompletionHandler:"),
			Fn: func(_ objc.ID, _ objc.SEL, _, response objc.ID, done objc.Block) {
				pressed := goString(send(response, "actionIdentifier"))
				mark := goString(send(send(send(response, "notification"), "request"), "identifier"))
				call(done)
				// A click on the text counts too: UNNotificationDefaultActionIdentifier.
				if pressed != actionKey && pressed != "com.apple.UNNotificationDefaultActionIdentifier" {
					return
				}
				if deed, counts := c.asked.press(mark); counts {
					onAction(deed)
				}
			}},
	})
	if err != nil || class == 0 {
		return 0
	}
	return send(objc.ID(class), "new")
}

func (c *center) show(n Notice) error {
	ended := make(chan error, 1)
	done := objc.NewBlock(func(_ objc.Block, problem objc.ID) {
		if problem != 0 {
			ended <- errors.New(goString(send(problem, "localizedDescription")))
			return
		}
		ended <- nil
	})
	defer done.Release()
	if !c.trying(func() {
		send(c.id, "removeAllDeliveredNotifications") // they do not pile up
		send(c.id, "addNotificationRequest:withCompletionHandler:", c.delivery(n), done)
	}) {
		return errFuse
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(deliveryWait):
		return errNoReply
	}
}

// ask asks the person once whether we may show any; from then on the system answers for
// them. Nothing waits for it: a notification whose sender had given up meanwhile would be
// seen and be sent again. Until the person allows it the system refuses each.
func (c *center) ask() {
	// It is never released: the person may take their time.
	done := objc.NewBlock(func(objc.Block, bool, objc.ID) {})
	send(c.id, "requestAuthorizationWithOptions:completionHandler:", optionAlert, done)
}

func (c *center) delivery(n Notice) objc.ID {
	content := send(send(class("UNMutableNotificationContent"), "new"), "autorelease")
	send(content, "setTitle:", nsString(n.Title))
	send(content, "setBody:", nsString(n.Body))
	mark := c.asked.next(n)
	if mark == "" {
		c.count++
		mark = "notice-" + strconv.Itoa(c.count)
	} else {
		action := send(class("UNNotificationAction"), "actionWithIdentifier:title:options:", nsString(actionKey),
			nsString(n.Action), noOptions)
		category := send(class("UNNotificationCategory"), "categoryWithIdentifier:actions:intentIdentifiers:options:",
			nsString(actionKey), send(class("NSArray"), "arrayWithObject:", action), send(class("NSArray"), "array"),
			noOptions)
		send(c.id, "setNotificationCategories:", send(class("NSSet"), "setWithObject:", category))
		send(content, "setCategoryIdentifier:", nsString(actionKey))
	}
	// No trigger: at once.
	return send(class("UNNotificationRequest"), "requestWithIdentifier:content:trigger:", nsString(mark), content,
		objc.ID(0))
}

// trying calls into the framework behind the fuse.
func (c *center) trying(do func()) (tried bool) {
	pooled(func() { tried = c.fuse.try(do) })
	return tried
}

// pooled gives do the pool that macOS wants on every thread that makes objects.
func pooled(do func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pool := send(class("NSAutoreleasePool"), "new")
	defer send(pool, "drain")
	do()
}

// class is 0 where macOS has none of that name; what is sent to 0 does nothing.
func class(name string) objc.ID { return objc.ID(objc.GetClass(name)) }

func send(to objc.ID, selector string, args ...any) objc.ID {
	return to.Send(objc.RegisterName(selector), args...)
}

// text makes an NSString. Not every Go string is one: it is never nil for that.
func nsString(s string) objc.ID {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
	return send(class("NSString"), "stringWithUTF8String:", s+"\x00")
}

func goString(s objc.ID) string {
	if s == 0 {
		return ""
	}
	return objc.Send[string](s, objc.RegisterName("UTF8String"))
}

// call calls a block that is not ours, which the library cannot. Its function is the
// fourth field of it (Block Implementation Specification, "Block_literal").
func call(block objc.Block, args ...uintptr) {
	if block == 0 {
		return
	}
	literal := *(**struct {
		isa             uintptr
		flags, reserved int32
		invoke          uintptr
	})(unsafe.Pointer(&block))
	purego.SyscallN(literal.invoke, append([]uintptr{uintptr(block)}, args...)...)
}
