package dev.bantam.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.LegendItem;
import org.jfree.chart.LegendItemCollection;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.plot.DatasetRenderingOrder;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.StandardXYBarPainter;
import org.jfree.chart.renderer.xy.XYBarRenderer;
import org.jfree.chart.renderer.xy.XYErrorRenderer;
import org.jfree.data.xy.XYIntervalSeries;
import org.jfree.data.xy.XYIntervalSeriesCollection;

/**
 * What a step measured of the loss at each encoder matrix: a bar with one standard error up and
 * down, in the colour of the width that the matrix got. From the first replicate of a variant.
 */
final class SensitivityChart implements ChartSpec {
  /** Share of a matrix's place that its bar takes. */
  private static final double BAR = 0.8;

  /**
   * One matrix.
   *
   * @param bits of its codes, if the step chose them
   */
  record Bar(MatrixChart.Place place, double value, double error, OptionalInt bits) {}

  private final int number;
  private final String variant;
  private final List<Bar> bars;
  private final List<Integer> layers;
  private final String subtitle;

  /**
   * @param number from 1, in the section
   * @param variant whose step it was
   * @param bars at least one
   */
  SensitivityChart(int number, String variant, List<Bar> bars, String subtitle) {
    this.number = number;
    this.variant = variant;
    this.bars = List.copyOf(bars);
    this.layers = bars.stream().map(bar -> bar.place().layer()).distinct().sorted().toList();
    this.subtitle = subtitle;
  }

  /** Bars of the first step with measured sensitivities; empty if there is none. */
  static List<Bar> bars(VariantGroup group) {
    final Optional<CellResult> first = group.results().stream().findFirst();
    final List<StepRecord> steps = first.map(CellResult::steps).orElse(List.of());
    for (StepRecord step : steps) {
      final List<Bar> bars = new ArrayList<>();
      for (TensorRecord tensor : step.tensors()) {
        if (tensor.sensitivity().isPresent()) {
          MatrixChart.Place.of(tensor.name())
              .ifPresent(
                  place ->
                      bars.add(
                          new Bar(
                              place,
                              tensor.sensitivity().getAsDouble(),
                              tensor.sensitivityError().orElse(0),
                              tensor.bits())));
        }
      }
      if (!bars.isEmpty()) {
        return bars;
      }
    }
    return List.of();
  }

  @Override
  public String name() {
    return "sensitivity-" + number;
  }

  @Override
  public String title() {
    return "Sensitivity of each encoder matrix, " + variant;
  }

  @Override
  public int width() {
    return ChartStyle.WIDTH;
  }

  @Override
  public int height() {
    return 380;
  }

  private static String inWords(Bar bar) {
    return String.format(
        Locale.ROOT,
        "%.3g (layer %d, %s)",
        bar.value(),
        bar.place().layer(),
        bar.place().kind().title());
  }

  @Override
  public String alternative() {
    Bar least = bars.get(0);
    Bar most = bars.get(0);
    for (Bar bar : bars) {
      least = bar.value() < least.value() ? bar : least;
      most = bar.value() > most.value() ? bar : most;
    }
    return "Chart: what "
        + variant
        + " measured of the loss at each encoder matrix, from "
        + inWords(least)
        + " to "
        + inWords(most)
        + ".";
  }

  @Override
  public List<String> columns() {
    return List.of("variant", "layer", "matrix", "sensitivity", "standard error", "bits");
  }

  @Override
  public List<List<String>> table() {
    final List<List<String>> table = new ArrayList<>();
    for (Bar bar : bars) {
      table.add(
          List.of(
              variant,
              Integer.toString(bar.place().layer()),
              bar.place().kind().title(),
              String.format(Locale.ROOT, "%.4g", bar.value()),
              String.format(Locale.ROOT, "%.2g", bar.error()),
              bar.bits().isPresent() ? Integer.toString(bar.bits().getAsInt()) : "-"));
    }
    return table;
  }

  /** The widths that occur, ascending; -1 for none. */
  private List<Integer> widths() {
    return bars.stream().map(bar -> bar.bits().orElse(-1)).distinct().sorted().toList();
  }

  @Override
  public JFreeChart draw(ChartFonts fonts) {
    final NumberAxis up = ChartStyle.axis(null, fonts);
    up.setAutoRangeIncludesZero(true);
    final XYBarRenderer renderer = new XYBarRenderer();
    renderer.setUseYInterval(true);
    renderer.setShadowVisible(false);
    renderer.setBarPainter(new StandardXYBarPainter());
    final XYPlot plot = new XYPlot(bodies(), MatrixChart.layerAxis(layers, fonts), up, renderer);
    for (int s = 0; s < widths().size(); s++) {
      renderer.setSeriesPaint(s, Palette.color(s));
    }
    final XYErrorRenderer whiskers = new XYErrorRenderer();
    whiskers.setDrawXError(false);
    whiskers.setDefaultShapesVisible(false);
    whiskers.setDefaultLinesVisible(false);
    whiskers.setErrorPaint(Palette.INK);
    whiskers.setErrorStroke(ChartStyle.line(1));
    plot.setDataset(1, whiskers());
    plot.setRenderer(1, whiskers);
    plot.setDatasetRenderingOrder(DatasetRenderingOrder.FORWARD);
    plot.setDomainGridlinesVisible(false);
    plot.setRangeGridlinePaint(Palette.GRID);
    plot.setRangeGridlineStroke(ChartStyle.line(1));
    setRange(up);
    MatrixChart.separate(plot, layers.size());
    return ChartStyle.chart(title(), subtitle, "", plot, this::legend, fonts);
  }

  private void setRange(NumberAxis axis) {
    double low = 0;
    double high = 0;
    for (Bar bar : bars) {
      low = Math.min(low, bar.value() - bar.error());
      high = Math.max(high, bar.value() + bar.error());
    }
    final double room = high > low ? 0.05 * (high - low) : 1;
    ChartStyle.setRange(axis, low < 0 ? low - room : 0, high + room, Double.MIN_NORMAL);
  }

  private double middle(Bar bar) {
    return bar.place().middle(layers.indexOf(bar.place().layer()));
  }

  private XYIntervalSeriesCollection bodies() {
    final double half = BAR / MatrixChart.Kind.values().length / 2;
    final XYIntervalSeriesCollection data = new XYIntervalSeriesCollection();
    for (int width : widths()) {
      final XYIntervalSeries series = new XYIntervalSeries(width);
      for (Bar bar : bars) {
        if (bar.bits().orElse(-1) == width) {
          final double x = middle(bar);
          series.add(
              x,
              x - half,
              x + half,
              bar.value(),
              Math.min(0, bar.value()),
              Math.max(0, bar.value()));
        }
      }
      data.addSeries(series);
    }
    return data;
  }

  private XYIntervalSeriesCollection whiskers() {
    final XYIntervalSeries series = new XYIntervalSeries("one standard error");
    for (Bar bar : bars) {
      final double x = middle(bar);
      series.add(x, x, x, bar.value(), bar.value() - bar.error(), bar.value() + bar.error());
    }
    final XYIntervalSeriesCollection data = new XYIntervalSeriesCollection();
    data.addSeries(series);
    return data;
  }

  private LegendItemCollection legend() {
    final LegendItemCollection items = new LegendItemCollection();
    final List<Integer> widths = widths();
    for (int s = 0; s < widths.size(); s++) {
      items.add(
          new LegendItem(
              widths.get(s) < 0 ? "no width" : "got " + widths.get(s) + " bits",
              null,
              null,
              null,
              Palette.swatch(),
              Palette.color(s)));
    }
    return items;
  }
}
