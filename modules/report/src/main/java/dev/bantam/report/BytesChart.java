package dev.bantam.report;

import java.awt.Color;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.LegendItem;
import org.jfree.chart.LegendItemCollection;
import org.jfree.chart.annotations.CategoryTextAnnotation;
import org.jfree.chart.axis.CategoryAxis;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.plot.CategoryPlot;
import org.jfree.chart.plot.PlotOrientation;
import org.jfree.chart.renderer.category.StackedBarRenderer;
import org.jfree.chart.renderer.category.StandardBarPainter;
import org.jfree.chart.ui.TextAnchor;
import org.jfree.data.category.DefaultCategoryDataset;

/** Where the bytes of each packed file are: one stacked bar per variant, mean over replicates. */
final class BytesChart implements ChartSpec {
  /** The segments of a bar, from the left. */
  enum Segment {
    EMBEDDINGS("embeddings", Palette.GREY),
    ENCODER("encoder values or codes", Palette.BLUE),
    SCALES("encoder scales and zero points", Palette.ORANGE),
    POSITIONS("encoder masks and indices", Palette.GREEN),
    REST("head, norms and biases", Palette.PURPLE),
    HEADER("file header", Palette.INK);

    private final String title;
    private final Color color;

    Segment(String title, Color color) {
      this.title = title;
      this.color = color;
    }

    String title() {
      return title;
    }

    static Segment of(SizePart part) {
      return switch (part.group()) {
        case "embeddings" -> EMBEDDINGS;
        case "file" -> HEADER;
        case "encoder" ->
            switch (part.part()) {
              case "scales", "zero-points" -> SCALES;
              case "masks", "indices" -> POSITIONS;
              case "header" -> HEADER;
              default -> ENCODER;
            };
        default -> REST;
      };
    }
  }

  /**
   * One bar.
   *
   * @param bytes of each segment that occurs, mean over replicates
   */
  record Bar(String name, Map<Segment, Double> bytes) {
    static Bar of(String name, VariantGroup group) {
      final Map<Segment, Double> bytes = new EnumMap<>(Segment.class);
      final List<CellResult> results = group.results();
      for (CellResult result : results) {
        for (SizePart part : result.size().parts()) {
          bytes.merge(Segment.of(part), part.bytes() / (double) results.size(), Double::sum);
        }
      }
      return new Bar(name, bytes);
    }

    double total() {
      return bytes.values().stream().mapToDouble(Double::doubleValue).sum();
    }
  }

  private final List<Bar> bars;
  private final String subtitle;

  BytesChart(List<Bar> bars, String subtitle) {
    this.bars = List.copyOf(bars);
    this.subtitle = subtitle;
  }

  @Override
  public String name() {
    return "bytes";
  }

  @Override
  public String title() {
    return "Where the bytes are";
  }

  @Override
  public int width() {
    return ChartStyle.WIDTH;
  }

  @Override
  public int height() {
    return 190 + 30 * bars.size();
  }

  @Override
  public String alternative() {
    final List<String> words = new ArrayList<>();
    for (Bar bar : bars) {
      Segment largest = Segment.ENCODER;
      for (Segment segment : Segment.values()) {
        if (bar.bytes.getOrDefault(segment, 0.0) > bar.bytes.getOrDefault(largest, 0.0)) {
          largest = segment;
        }
      }
      words.add(
          String.format(
              Locale.ROOT,
              "%s %s MB, %.0f %% of it %s",
              bar.name,
              Numbers.megabytes(bar.total()),
              100 * bar.bytes.getOrDefault(largest, 0.0) / bar.total(),
              largest.title));
    }
    return "Chart: bytes of each packed file by what they are for. "
        + String.join("; ", words)
        + ".";
  }

  private List<Segment> used() {
    final List<Segment> used = new ArrayList<>();
    for (Segment segment : Segment.values()) {
      if (bars.stream().anyMatch(bar -> bar.bytes.getOrDefault(segment, 0.0) > 0)) {
        used.add(segment);
      }
    }
    return used;
  }

  @Override
  public List<String> columns() {
    final List<String> columns = new ArrayList<>(List.of("variant"));
    used().forEach(segment -> columns.add(segment.title + ", bytes"));
    columns.add("file, bytes");
    return columns;
  }

  @Override
  public List<List<String>> table() {
    final List<List<String>> rows = new ArrayList<>();
    for (Bar bar : bars) {
      final List<String> row = new ArrayList<>(List.of(bar.name));
      for (Segment segment : used()) {
        row.add(Numbers.grouped(Math.round(bar.bytes.getOrDefault(segment, 0.0))));
      }
      row.add(Numbers.grouped(Math.round(bar.total())));
      rows.add(row);
    }
    return rows;
  }

  @Override
  public JFreeChart draw(ChartFonts fonts) {
    final DefaultCategoryDataset data = new DefaultCategoryDataset();
    final List<Segment> used = used();
    for (Bar bar : bars) {
      for (Segment segment : used) {
        data.addValue(bar.bytes.getOrDefault(segment, 0.0) / 1e6, segment.title, bar.name);
      }
    }
    final CategoryAxis names = new CategoryAxis();
    names.setTickLabelFont(fonts.plain(ChartStyle.TEXT));
    names.setTickLabelPaint(Palette.INK);
    names.setAxisLineVisible(false);
    names.setTickMarksVisible(false);
    names.setMaximumCategoryLabelWidthRatio(0.5f);
    names.setLowerMargin(0.01);
    names.setUpperMargin(0.01);
    names.setCategoryMargin(0.28);
    final NumberAxis size = ChartStyle.axis("MB (10\u2076 bytes)", fonts);
    final double largest = bars.stream().mapToDouble(Bar::total).max().orElse(1e6) / 1e6;
    ChartStyle.setRange(size, 0, 1.18 * largest, 0);
    final CategoryPlot plot = new CategoryPlot(data, names, size, renderer(used));
    plot.setOrientation(PlotOrientation.HORIZONTAL);
    plot.setRangeAxisLocation(org.jfree.chart.axis.AxisLocation.BOTTOM_OR_LEFT);
    plot.setRangeGridlinePaint(Palette.GRID);
    plot.setRangeGridlineStroke(ChartStyle.line(1));
    for (Bar bar : bars) {
      final CategoryTextAnnotation total =
          new CategoryTextAnnotation(
              "  " + Numbers.megabytes(bar.total()) + " MB", bar.name, bar.total() / 1e6);
      total.setTextAnchor(TextAnchor.CENTER_LEFT);
      total.setFont(fonts.plain(ChartStyle.SMALL));
      total.setPaint(Palette.INK);
      plot.addAnnotation(total);
    }
    return ChartStyle.chart(title(), subtitle, "", plot, () -> legend(used), fonts);
  }

  private static StackedBarRenderer renderer(List<Segment> used) {
    final StackedBarRenderer renderer = new StackedBarRenderer();
    renderer.setBarPainter(new StandardBarPainter());
    renderer.setShadowVisible(false);
    renderer.setDrawBarOutline(false);
    for (int i = 0; i < used.size(); i++) {
      renderer.setSeriesPaint(i, used.get(i).color);
    }
    return renderer;
  }

  private static LegendItemCollection legend(List<Segment> used) {
    final LegendItemCollection items = new LegendItemCollection();
    for (Segment segment : used) {
      items.add(new LegendItem(segment.title, null, null, null, Palette.swatch(), segment.color));
    }
    return items;
  }
}
