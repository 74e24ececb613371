package sessionstate_test

import (
	"testing"

	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/plugintest"
	"github.com/reecho-go/reecho/sessionstate"
)

func TestManagerIsAPlugin(t *testing.T) {
	t.Parallel()
	plugintest.Run(t, func(t testing.TB) middleware.Plugin {
		return newManager(t, sessionstate.Config{Secrets: []sessionstate.Secret{key1}})
	})
}
