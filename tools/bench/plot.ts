import type { BenchResult } from './result.ts';

const WIDTH = 760;
const ROW = 34;
const MARGINS = 110;

/** One bar of a plot, with the least and the greatest round. */
interface Bar {
  readonly name: string;
  readonly ratio: number;
  readonly min: number;
  readonly max: number;
}

/** Ours to each reference, as bars on a logarithmic axis with a whisker from the least to the greatest round; SVG text. */
export async function plot(result: BenchResult): Promise<string> {
  const { init } = await import('echarts');
  const reference = result.reference.slice(0, result.reference.lastIndexOf(':'));
  const bars: Bar[] = [{ name: reference, ratio: result.ratio, min: result.min, max: result.max }];
  bars.push(...(result.others ?? []));
  bars.reverse(); // The axis goes up.
  const chart = init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: WIDTH,
    height: bars.length * ROW + MARGINS,
  });
  chart.setOption({
    animation: false,
    backgroundColor: '#fff',
    title: { text: `${result.name}: ${result.value} ${result.unit}`, left: 'center' },
    grid: { left: 200, right: 60, top: 50, bottom: 50 },
    xAxis: { type: 'log', name: 'ratio', nameLocation: 'middle', nameGap: 28 },
    yAxis: { type: 'category', data: bars.map(({ name }) => `to ${name}`) },
    series: [
      {
        type: 'scatter',
        symbolSize: 12,
        data: bars.map(({ ratio }) => ratio),
        label: { show: true, position: 'top', formatter: '{c}' },
        markLine: { symbol: 'none', silent: true, label: { show: false }, data: [{ xAxis: 1 }] },
      },
      ...bars.map(({ min, max }, i) => ({
        type: 'line' as const,
        symbol: 'none',
        lineStyle: { color: '#5470c6', width: 2 },
        data: [
          [min, i],
          [max, i],
        ],
      })),
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}
