import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  // The page and Herald have one origin then, as behind a reverse proxy.
  server: { proxy: { '/hubs': { target: process.env.HERALD_URL ?? 'http://localhost:5006', ws: true } } },
});
