import { defineConfig } from "vite";

// The built pages go where the server looks for them; that folder is part of no commit.
export default defineConfig({
  base: "./",
  build: { outDir: "../src/mien/studio/page", emptyOutDir: true, target: "es2022", chunkSizeWarningLimit: 1200 },
  server: { proxy: { "/api": "http://127.0.0.1:8300", "/ws": { target: "ws://127.0.0.1:8300", ws: true } } },
});
