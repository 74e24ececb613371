import net from 'net'

// The suite listens on all interfaces.
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (port) { return listen.call(this, Number(port), '127.0.0.1') }
await import(process.cwd() + '/server/server.mjs')
