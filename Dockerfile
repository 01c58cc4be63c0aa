# The gateway runs from its sources: Node 24 strips the types, so there is nothing to build.
FROM node:24-slim

ENV NODE_ENV=production
ENV MALLOC_ARENA_MAX=1
WORKDIR /app

COPY package.json package-lock.json .npmrc ./
# The optional dependencies are Node itself, which this image has.
RUN npm ci --omit=dev --omit=optional --no-audit --no-fund && npm cache clean --force

COPY src ./src
COPY machines ./machines
COPY config ./config

# The ledger is the one thing that must outlive the container: mount a volume here.
RUN mkdir -p /var/lib/nexus && chown node:node /var/lib/nexus
VOLUME /var/lib/nexus

USER node
EXPOSE 8000 9090

HEALTHCHECK --interval=15s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8000/livez').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]

# Node is process 1 and hears SIGTERM itself: requests in flight end and the ledger is flushed before it exits.
CMD ["node", "--max-semi-space-size=16", "--no-parallel-scavenge", "--no-allocation-site-pretenuring", "--heap-growing-percent=40", "--no-maglev", "src/cli/main.ts", "serve", "--config", "config/docker.toml"]
