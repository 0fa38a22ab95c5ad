import react from "@vitejs/plugin-react";
import { defineConfig, type UserConfig } from "vite";

const SERVER = process.env["INGOT_SERVER"] ?? "http://127.0.0.1:8470";

const config: UserConfig = defineConfig({
  plugins: [react()],
  // Packages are linked, not hoisted, and @mantine/hooks does not say that it needs react-dom: it gets the console's own.
  resolve: { dedupe: ["react", "react-dom"] },
  server: {
    host: "127.0.0.1",
    port: 5173,
    proxy: { "/api": { target: SERVER, changeOrigin: false } },
  },
  build: {
    target: "es2023",
    outDir: "dist",
    emptyOutDir: true,
    // The server sends these files with a year's cache lifetime: their names hold their content's hash.
    assetsDir: "assets",
    chunkSizeWarningLimit: 600,
  },
});

export default config;
