# Proofsheet as a container image: built with all dependencies, run with the production ones, as a user without rights.

# By tag and not by digest: a build takes the base's security fixes. Who wants the same base for ever gives its digest:
# docker build --build-arg BASE=node:24-bookworm-slim@sha256:... .
ARG BASE=node:24-bookworm-slim

FROM $BASE AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY src ./src
RUN npm run build

FROM $BASE AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# No dependency needs an install script: native parts come as prebuilt optional packages.
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force

FROM $BASE
# tini reaps what converter processes leave behind and hands SIGTERM on, so that a stop drains.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini=0.19.0-* \
    # Without fonts text in SVG is empty boxes.
    fontconfig-config fonts-dejavu-core fonts-liberation \
    && rm -rf /var/lib/apt/lists/* \
    && mkdir /data \
    && chown node:node /data \
    # Any user of the group may run it, as orchestrators choose one.
    && chmod 2770 /data
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/bin ./bin
COPY --from=build /app/dist ./dist
COPY package.json README.md LICENSE CHANGELOG.md ./
COPY config ./config
COPY docs ./docs
ENV NODE_ENV=production \
    PROOFSHEET_HOST=0.0.0.0 \
    PROOFSHEET_DATA_DIR=/data
USER node
VOLUME /data
EXPOSE 8005
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PROOFSHEET_HEALTH_PORT || process.env.PROOFSHEET_PORT || 8005}/healthz`, { signal: AbortSignal.timeout(2500) }).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# -s: right even where another init process is PID 1 (docker run --init).
ENTRYPOINT ["/usr/bin/tini", "-s", "--"]
CMD ["node", "bin/main.js"]
