module chat.test/clients

go 1.26.0

require github.com/zishang520/socket.io/clients/socket/v3 v3.0.6
