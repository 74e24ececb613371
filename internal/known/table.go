package known

// table holds the types that have been looked at one by one: by the tests of
// this package and of internal/clone for the standard library, by those of
// cachedata/contracts for other modules.
//
// A type of the standard library that has private references and is not here is
// refused; testdata/refused.txt lists these, so that a type which a new release
// of Go adds fails a test, and not a program.
var table = map[string]Fact{
	// Values that are compared and copied by what they are, wherever they lie.
	"time.Time":       {Way: Assign},
	"net/netip.Addr":  {Way: Assign},
	"unique.Handle":   {Way: Assign, Key: Memory},
	"regexp.Regexp":   {Way: Assign}, // Longest changes a field of the struct alone
	"embed.FS":        {Way: Assign},
	"log/slog.Value":  {Way: Special},
	"strings.Builder": {Way: Special},

	// Values that nobody changes and whose addresses are compared.
	"time.Location":                          {Way: Share},
	"reflect.rtype":                          {Way: Share},
	"runtime.Func":                           {Way: Share},
	"crypto/elliptic.nistCurve":              {Way: Share, Key: Singleton},
	"crypto/elliptic.CurveParams":            {Way: Share, Key: Memory},
	"crypto/ecdh.PublicKey":                  {Way: Share},
	"crypto/ecdh.PrivateKey":                 {Way: Share},
	"crypto/internal/fips140/rsa.PrivateKey": {Way: Share}, // behind rsa.PrecomputedValues
	"strings.Replacer":                       {Way: Share},
	"os.unixDirent":                          {Way: Share}, // an fs.DirEntry

	// Plain data with private references.
	"container/ring.Ring":          {Way: Structure},
	"crypto/rsa.PrecomputedValues": {Way: Structure},
	"log/slog.Record":              {Way: Structure},
	"os.ProcessState":              {Way: Structure},

	"crypto/x509.CertPool": {Way: Clone, Pointer: true},

	// Other modules.
	"github.com/shopspring/decimal.Decimal": {Way: Structure},
	"github.com/cockroachdb/apd/v3.BigInt":  {Way: Gob},
	"github.com/Rhymond/go-money.Money":     {Way: Structure},
	"github.com/samber/mo.Option":           {Way: Structure},
	"golang.org/x/text/language.Tag":        {Way: Assign},
}

// standardRoots are the first elements of the paths of the standard library, in order.
var standardRoots = []string{
	"archive", "bufio", "bytes", "cmp", "compress", "container", "context", "crypto", "database", "debug", "embed",
	"encoding", "errors", "expvar", "flag", "fmt", "go", "hash", "html", "image", "index", "internal", "io", "iter",
	"log", "maps", "math", "mime", "net", "os", "path", "plugin", "reflect", "regexp", "runtime", "slices", "sort",
	"strconv", "strings", "structs", "sync", "syscall", "testing", "text", "time", "unicode", "unique", "unsafe", "vendor", "weak",
}
