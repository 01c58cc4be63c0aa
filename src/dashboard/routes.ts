/** The dashboard: a page without a build step that asks nobody but this gateway, and its stream of frames. */
import { readFileSync } from 'node:fs';
import express, { type RequestHandler, type Router } from 'express';
import { LiveFeed, type FeedSources } from './live-feed.ts';
import { PAGE_HEADERS } from './page-headers.ts';

export interface DashboardOptions extends FeedSources {
  /** Stands before the frames, which show what `/v1/stats` shows; the page itself holds nothing. */
  readonly guard: RequestHandler;
}

export interface Dashboard {
  readonly router: Router;
  /** Ends the streams of open dashboards. */
  close(): void;
}

const PAGES = [
  { path: '/', file: 'index.html', type: 'text/html' },
  { path: '/dashboard.css', file: 'dashboard.css', type: 'text/css' },
  { path: '/dashboard-pictures.css', file: 'dashboard-pictures.css', type: 'text/css' },
  { path: '/dashboard.js', file: 'dashboard.js', type: 'text/javascript' },
  { path: '/dashboard-feed.js', file: 'dashboard-feed.js', type: 'text/javascript' },
  { path: '/dashboard-sections.js', file: 'dashboard-sections.js', type: 'text/javascript' },
  { path: '/dashboard-elements.js', file: 'dashboard-elements.js', type: 'text/javascript' },
  { path: '/dashboard-budget.js', file: 'dashboard-budget.js', type: 'text/javascript' },
  { path: '/dashboard-statechart.js', file: 'dashboard-statechart.js', type: 'text/javascript' },
  { path: '/dashboard-month.js', file: 'dashboard-month.js', type: 'text/javascript' },
  { path: '/dashboard-days.js', file: 'dashboard-days.js', type: 'text/javascript' },
  { path: '/dashboard-axis.js', file: 'dashboard-axis.js', type: 'text/javascript' },
  { path: '/dashboard.svg', file: 'dashboard.svg', type: 'image/svg+xml' },
] as const;

/** Makes the routes of the dashboard. The files are read once, here. */
export function createDashboard(options: DashboardOptions): Dashboard {
  const feed = new LiveFeed(options);
  const router = express.Router();
  for (const { path, file, type } of PAGES) {
    const body = readFileSync(new URL(`./public/${file}`, import.meta.url));
    router.get(path, (_request, response) => {
      response.set(PAGE_HEADERS).type(type).send(body);
    });
  }
  router.get('/dashboard/events', options.guard, (_request, response) => feed.add(response));
  return { router, close: () => feed.close() };
}
