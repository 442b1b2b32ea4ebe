// Our own server with every hit answered by its Express route: composed as in production, but for the hot lane, which is
// off where the configuration says that every hit is logged. The logger itself does not. Prints its port.
import { compose } from '../../../dist/compose.js';
import { loadConfig } from '../../../dist/config/load-config.js';
import { createLogger } from '../../../dist/telemetry/logger.js';

const config = loadConfig();
const logger = createLogger({ level: 'info' });
const app = await compose({ ...config, telemetry: { ...config.telemetry, logLevel: 'debug' } }, logger);
app.server.listen(config.server.port, config.server.host, () => {
  const { port } = app.server.address();
  logger.info({ url: `http://127.0.0.1:${port}` }, 'listening');
});
process.on('SIGTERM', () => app.close(1000).then(() => process.exit(0)));
