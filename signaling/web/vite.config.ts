import { defineConfig } from "vite";

export default defineConfig({
  // The pod serves the page from its root; hashed names under /assets may be cached for ever.
  base: "/",
  build: { outDir: "dist", assetsDir: "assets", sourcemap: false, target: "es2022" },
  server: { proxy: { "/socket.io": { target: "http://localhost:3000", ws: true } } },
});
