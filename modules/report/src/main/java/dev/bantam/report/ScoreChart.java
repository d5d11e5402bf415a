package dev.bantam.report;

import java.awt.Color;
import java.awt.Shape;
import java.awt.geom.Line2D;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.LegendItem;
import org.jfree.chart.LegendItemCollection;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.plot.DatasetRenderingOrder;
import org.jfree.chart.plot.ValueMarker;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.XYErrorRenderer;
import org.jfree.chart.renderer.xy.XYStepRenderer;
import org.jfree.chart.ui.Layer;
import org.jfree.data.xy.XYIntervalSeries;
import org.jfree.data.xy.XYIntervalSeriesCollection;
import org.jfree.data.xy.XYSeries;
import org.jfree.data.xy.XYSeriesCollection;

/**
 * Scores of variants against their size, sparsity or bits: one mark and colour per method, error
 * bars of one standard deviation, each point labelled with its level.
 */
final class ScoreChart implements ChartSpec {
  private static final int HEIGHT = 520;

  /** What stands on the horizontal axis. */
  enum Axis {
    SIZE("score-by-size", "size", "Packed file, MB (10\u2076 bytes)", "MB"),
    SPARSITY("score-by-sparsity", "sparsity", "Share of zeros in the encoder matrices", "sparsity"),
    BITS("score-by-bits", "bit width", "Bits per stored encoder weight", "bits");

    private final String file;
    private final String what;
    private final String title;
    private final String column;

    Axis(String file, String what, String title, String column) {
      this.file = file;
      this.what = what;
      this.title = title;
      this.column = column;
    }
  }

  private final Axis axis;
  private final String metric;
  private final String subtitle;
  private final List<ScorePoint> points;
  private final Optional<ScorePoint> dense;
  private final List<ScorePoint> front;
  private final List<String> families;

  /**
   * @param points in the order of the summary, dense among them if it has a place on the axis
   * @param dense the reference, whether it is among the points or not
   * @param families all methods of the section, so that each looks the same in every chart
   */
  ScoreChart(
      Axis axis,
      String metric,
      String subtitle,
      List<ScorePoint> points,
      Optional<ScorePoint> dense,
      List<String> families) {
    this.axis = axis;
    this.families = List.copyOf(families);
    this.metric = metric;
    this.subtitle = subtitle;
    this.points = List.copyOf(points);
    this.dense = dense;
    this.front =
        axis == Axis.SIZE ? ScorePoint.front(points, Metrics.higherIsBetter(metric)) : List.of();
  }

  @Override
  public String name() {
    return axis.file;
  }

  @Override
  public String title() {
    return Metrics.title(metric) + " against " + axis.what;
  }

  @Override
  public int width() {
    return ChartStyle.WIDTH;
  }

  @Override
  public int height() {
    return HEIGHT;
  }

  @Override
  public String alternative() {
    final StringBuilder text = new StringBuilder();
    text.append("Chart: ").append(title()).append(", ").append(points.size());
    text.append(points.size() == 1 ? " variant." : " variants.");
    dense.ifPresent(d -> text.append(" Dense: ").append(Numbers.fixed(d.score(), 4)).append('.'));
    if (axis == Axis.SIZE) {
      text.append(" No other variant is both smaller and better than ");
      text.append(String.join(", ", front.stream().map(this::inWords).toList())).append('.');
    } else {
      text.append(' ').append(String.join("; ", points.stream().map(this::inWords).toList()));
      text.append('.');
    }
    return text.toString();
  }

  private String inWords(ScorePoint point) {
    return point.name()
        + " ("
        + Numbers.fixed(point.score(), 4)
        + " at "
        + x(point)
        + (axis == Axis.SIZE ? " MB)" : ")");
  }

  private String x(ScorePoint point) {
    return switch (axis) {
      case SIZE -> Numbers.megabytes(point.x() * 1e6);
      case SPARSITY -> Numbers.fixed(point.x(), 4);
      case BITS -> Numbers.exact(point.x());
    };
  }

  @Override
  public List<String> columns() {
    final List<String> columns = new ArrayList<>(List.of("variant", axis.column, metric, "std"));
    if (axis == Axis.SIZE) {
      columns.add("on the front");
    }
    return columns;
  }

  @Override
  public List<List<String>> table() {
    final List<List<String>> rows = new ArrayList<>();
    for (ScorePoint point : points) {
      final List<String> row = new ArrayList<>();
      row.add(point.name());
      row.add(x(point));
      row.add(Numbers.fixed(point.score(), 4));
      row.add(point.std() > 0 ? Numbers.fixed(point.std(), 4) : "");
      if (axis == Axis.SIZE) {
        row.add(front.contains(point) ? "yes" : "no");
      }
      rows.add(row);
    }
    return rows;
  }

  @Override
  public JFreeChart draw(ChartFonts fonts) {
    final NumberAxis x = ChartStyle.axis(axis.title, fonts);
    final NumberAxis y = ChartStyle.axis(null, fonts);
    setRanges(x, y);
    final XYPlot plot = new XYPlot(null, x, y, null);
    plot.setDatasetRenderingOrder(DatasetRenderingOrder.REVERSE);
    plot.setDomainGridlinePaint(Palette.GRID);
    plot.setRangeGridlinePaint(Palette.GRID);
    plot.setDomainGridlineStroke(ChartStyle.line(1));
    plot.setRangeGridlineStroke(ChartStyle.line(1));
    final List<Line2D> lines = new ArrayList<>();
    dense.ifPresent(d -> addReference(plot, d, x, lines));
    if (axis == Axis.SIZE) {
      addFront(plot, lines);
    }
    addPoints(plot, lines);
    plot.addAnnotation(new PointLabels(labels(x), lines, fonts.plain(ChartStyle.SMALL)));
    return ChartStyle.chart(title(), subtitle, Metrics.title(metric), plot, this::legend, fonts);
  }

  private void setRanges(NumberAxis x, NumberAxis y) {
    final List<ScorePoint> all = new ArrayList<>(points);
    dense.ifPresent(all::add);
    double low = Double.POSITIVE_INFINITY;
    double high = Double.NEGATIVE_INFINITY;
    for (ScorePoint point : all) {
      low = Math.min(low, point.low());
      high = Math.max(high, point.high());
    }
    final double spread = Math.max(high - low, 0.01);
    ChartStyle.setRange(y, low - 0.1 * spread, high + 0.12 * spread, 0);
    final double first = points.stream().mapToDouble(ScorePoint::x).min().orElse(0);
    final double last = points.stream().mapToDouble(ScorePoint::x).max().orElse(1);
    final double width = last - first;
    switch (axis) {
      case SIZE -> {
        final double pad = Math.max(0.1 * width, 0.02 * last);
        ChartStyle.setRange(x, Math.max(0, first - pad), last + pad, 0);
      }
      case SPARSITY -> {
        final double pad = Math.max(0.1 * width, 0.05);
        ChartStyle.setRange(x, first - pad, last + 2.5 * pad, 0);
      }
      case BITS -> {
        final double pad = Math.max(0.1 * width, 0.5);
        ChartStyle.setRange(x, first - pad, last + 2.5 * pad, 1);
      }
    }
  }

  private static void addReference(
      XYPlot plot, ScorePoint dense, NumberAxis x, List<Line2D> lines) {
    final ValueMarker marker = new ValueMarker(dense.score());
    marker.setPaint(Palette.SOFT_INK);
    marker.setStroke(ChartStyle.dashed(1.2f, 2, 3));
    marker.setAlpha(1);
    plot.addRangeMarker(marker, Layer.BACKGROUND);
    lines.add(
        new Line2D.Double(x.getLowerBound(), dense.score(), x.getUpperBound(), dense.score()));
  }

  private void addFront(XYPlot plot, List<Line2D> lines) {
    final XYSeries series = new XYSeries("front");
    ScorePoint last = null;
    for (ScorePoint point : front) {
      series.add(point.x(), point.score());
      if (last != null) {
        lines.add(new Line2D.Double(last.x(), last.score(), point.x(), last.score()));
        lines.add(new Line2D.Double(point.x(), last.score(), point.x(), point.score()));
      }
      last = point;
    }
    final XYStepRenderer renderer = new XYStepRenderer();
    renderer.setSeriesPaint(0, Palette.GREY);
    renderer.setSeriesStroke(0, ChartStyle.line(1.6f));
    plot.setDataset(1, new XYSeriesCollection(series));
    plot.setRenderer(1, renderer);
  }

  private void addPoints(XYPlot plot, List<Line2D> lines) {
    final XYIntervalSeriesCollection data = new XYIntervalSeriesCollection();
    final XYErrorRenderer renderer = new XYErrorRenderer();
    renderer.setDrawXError(false);
    renderer.setCapLength(6);
    renderer.setErrorStroke(ChartStyle.line(1.4f));
    renderer.setDefaultLinesVisible(axis != Axis.SIZE);
    for (int i = 0; i < families.size(); i++) {
      final String family = families.get(i);
      addSeries(
          data,
          renderer,
          family,
          points.stream().filter(p -> !p.dense() && p.family().name().equals(family)).toList(),
          Palette.color(i),
          Palette.shape(i),
          lines);
    }
    addSeries(
        data,
        renderer,
        CellId.DENSE,
        points.stream().filter(ScorePoint::dense).toList(),
        Palette.INK,
        Palette.star(),
        lines);
    plot.setDataset(0, data);
    plot.setRenderer(0, renderer);
  }

  private void addSeries(
      XYIntervalSeriesCollection data,
      XYErrorRenderer renderer,
      String name,
      List<ScorePoint> members,
      Color color,
      Shape shape,
      List<Line2D> lines) {
    if (members.isEmpty()) {
      return;
    }
    final XYIntervalSeries series = new XYIntervalSeries(name);
    ScorePoint last = null;
    final List<ScorePoint> sorted =
        members.stream().sorted(Comparator.comparingDouble(ScorePoint::x)).toList();
    for (ScorePoint point : sorted) {
      series.add(point.x(), point.x(), point.x(), point.score(), point.low(), point.high());
      if (last != null && axis != Axis.SIZE) {
        lines.add(new Line2D.Double(last.x(), last.score(), point.x(), point.score()));
      }
      last = point;
    }
    final int index = data.getSeriesCount();
    data.addSeries(series);
    renderer.setSeriesPaint(index, color);
    renderer.setSeriesShape(index, shape);
    renderer.setSeriesStroke(index, ChartStyle.line(1.8f));
  }

  private List<PointLabels.Point> labels(NumberAxis x) {
    final List<PointLabels.Point> labels = new ArrayList<>();
    for (ScorePoint point : points) {
      labels.add(
          new PointLabels.Point(point.x(), point.score(), point.low(), point.high(), text(point)));
    }
    if (dense.isPresent() && points.stream().noneMatch(ScorePoint::dense)) {
      final double score = dense.get().score();
      labels.add(new PointLabels.Point(x.getLowerBound(), score, score, score, text(dense.get())));
    }
    return labels;
  }

  /** The whole name in the chart of sizes; elsewhere the method, at the last point of its line. */
  private String text(ScorePoint point) {
    if (point.dense()) {
      return point.name() + " " + Numbers.fixed(point.score(), 3);
    }
    if (axis == Axis.SIZE) {
      return point.name();
    }
    final boolean last =
        points.stream()
            .filter(p -> !p.dense() && p.family().name().equals(point.family().name()))
            .noneMatch(p -> p.x() > point.x());
    return last ? point.family().name() : "";
  }

  private LegendItemCollection legend() {
    final LegendItemCollection items = new LegendItemCollection();
    for (int i = 0; i < families.size(); i++) {
      if (ScorePoint.families(points).contains(families.get(i))) {
        items.add(mark(families.get(i), Palette.shape(i), Palette.color(i)));
      }
    }
    if (points.stream().anyMatch(ScorePoint::dense)) {
      items.add(mark(CellId.DENSE, Palette.star(), Palette.INK));
    }
    if (axis == Axis.SIZE) {
      items.add(line("best at its size", ChartStyle.line(1.6f), Palette.GREY));
    } else if (dense.isPresent()) {
      items.add(line(CellId.DENSE, ChartStyle.dashed(1.2f, 2, 3), Palette.SOFT_INK));
    }
    return items;
  }

  private static LegendItem mark(String name, Shape shape, Color color) {
    return new LegendItem(name, null, null, null, shape, color);
  }

  private static LegendItem line(String name, java.awt.Stroke stroke, Color color) {
    return new LegendItem(name, null, null, null, new Line2D.Double(-12, 0, 12, 0), stroke, color);
  }
}
