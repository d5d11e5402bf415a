package dev.bantam.report;

import dev.bantam.report.RunFolder.Cell;
import java.awt.Color;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.LegendItem;
import org.jfree.chart.LegendItemCollection;
import org.jfree.chart.axis.SymbolAxis;
import org.jfree.chart.plot.ValueMarker;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.PaintScale;
import org.jfree.chart.renderer.xy.XYBlockRenderer;
import org.jfree.chart.ui.Layer;
import org.jfree.data.xy.DefaultXYZDataset;

/**
 * Zeros of each encoder matrix: a row of fields per pruned variant, as in its first replicate. The
 * darker, the more zeros.
 */
final class LayerSparsityChart implements ChartSpec {
  /** The matrices of an encoder layer, from the left. */
  enum Kind {
    QUERY("attention.self.query", "query"),
    KEY("attention.self.key", "key"),
    VALUE("attention.self.value", "value"),
    ATTENTION("attention.output.dense", "attention output"),
    UP("intermediate.dense", "feed-forward up"),
    DOWN("output.dense", "feed-forward down");

    private static final Pattern NAME =
        Pattern.compile("encoder\\.layer\\.([0-9]{1,6})\\.(.+)\\.weight");

    private final String module;
    private final String title;

    Kind(String module, String title) {
      this.module = module;
      this.title = title;
    }
  }

  /**
   * One variant.
   *
   * @param sparsity by layer and matrix, in that order; what no step touched is missing
   */
  record Row(String name, TreeMap<Integer, Map<Kind, Double>> sparsity) {
    /** Empty if nothing was pruned, or nothing of the encoder. */
    static Optional<Row> of(String name, VariantGroup group) {
      return group.cells().stream()
          .filter(cell -> cell.record().result().isPresent())
          .findFirst()
          .map(cell -> new Row(name, sparsities(cell)))
          .filter(row -> group.hasStep(StepRecord.PRUNE) && !row.sparsity.isEmpty());
    }

    private static TreeMap<Integer, Map<Kind, Double>> sparsities(Cell cell) {
      final TreeMap<Integer, Map<Kind, Double>> found = new TreeMap<>();
      for (StepRecord step : cell.record().result().orElseThrow().steps()) {
        for (TensorRecord tensor : step.tensors()) {
          final Matcher name = Kind.NAME.matcher(tensor.name());
          if (name.matches()) {
            for (Kind kind : Kind.values()) {
              if (kind.module.equals(name.group(2))) {
                found
                    .computeIfAbsent(Integer.valueOf(name.group(1)), l -> new EnumMap<>(Kind.class))
                    .put(kind, tensor.sparsity()); // the last step counts
              }
            }
          }
        }
      }
      return found;
    }

    private String inWords() {
      String lowest = "";
      String highest = "";
      double low = Double.POSITIVE_INFINITY;
      double high = Double.NEGATIVE_INFINITY;
      for (Map.Entry<Integer, Map<Kind, Double>> layer : sparsity.entrySet()) {
        for (Map.Entry<Kind, Double> matrix : layer.getValue().entrySet()) {
          final String where = " (layer " + layer.getKey() + ", " + matrix.getKey().title + ")";
          if (matrix.getValue() < low) {
            low = matrix.getValue();
            lowest = where;
          }
          if (matrix.getValue() > high) {
            high = matrix.getValue();
            highest = where;
          }
        }
      }
      final String from = Numbers.fixed(low, 2);
      final String to = Numbers.fixed(high, 2);
      return from.equals(to)
          ? name + " " + from + " everywhere"
          : name + " from " + from + lowest + " to " + to + highest;
    }
  }

  /** Tenths from white to dark: one hue, so that order survives print and colour blindness. */
  private static final class Shades implements PaintScale {
    private static final int COUNT = 10;
    private static final Color LIGHT = new Color(0xe6, 0xf1, 0xfb);
    private static final Color DARK = new Color(0x00, 0x1f, 0x3d);

    static int index(double sparsity) {
      final double rounded = Math.rint(1000 * sparsity) / 1000; // whole weights miss 0.6 by a few
      return Math.min(COUNT - 1, (int) (rounded * COUNT + 1e-9));
    }

    static Color shade(int index) {
      final double t = 2 * index / (COUNT - 1.0);
      return t < 1 ? between(LIGHT, Palette.BLUE, t) : between(Palette.BLUE, DARK, t - 1);
    }

    private static Color between(Color from, Color to, double t) {
      return new Color(
          mix(from.getRed(), to.getRed(), t),
          mix(from.getGreen(), to.getGreen(), t),
          mix(from.getBlue(), to.getBlue(), t));
    }

    private static int mix(int from, int to, double t) {
      return (int) Math.rint(from + t * (to - from));
    }

    static String title(int index) {
      return String.format(Locale.ROOT, "%.1f to %.1f", index / 10.0, (index + 1) / 10.0);
    }

    @Override
    public double getLowerBound() {
      return 0;
    }

    @Override
    public double getUpperBound() {
      return 1;
    }

    @Override
    public Color getPaint(double value) {
      return shade(index(value));
    }
  }

  private final List<Row> rows;
  private final List<Integer> layers;
  private final String subtitle;

  /**
   * @param rows at least one
   * @param subtitle which model, task and seed
   */
  LayerSparsityChart(List<Row> rows, String subtitle) {
    this.rows = List.copyOf(rows);
    this.layers =
        rows.stream().flatMap(row -> row.sparsity.keySet().stream()).distinct().sorted().toList();
    this.subtitle = subtitle;
  }

  @Override
  public String name() {
    return "sparsity-by-layer";
  }

  @Override
  public String title() {
    return "Zeros in each encoder matrix";
  }

  @Override
  public int width() {
    return ChartStyle.WIDTH;
  }

  @Override
  public int height() {
    return 220 + 30 * rows.size();
  }

  @Override
  public String alternative() {
    return "Chart: share of zeros in each encoder matrix. "
        + String.join("; ", rows.stream().map(Row::inWords).toList())
        + ".";
  }

  @Override
  public List<String> columns() {
    final List<String> columns = new ArrayList<>(List.of("variant", "layer"));
    for (Kind kind : Kind.values()) {
      columns.add(kind.title);
    }
    return columns;
  }

  @Override
  public List<List<String>> table() {
    final List<List<String>> table = new ArrayList<>();
    for (Row row : rows) {
      row.sparsity.forEach(
          (layer, matrices) -> {
            final List<String> cells = new ArrayList<>(List.of(row.name, Integer.toString(layer)));
            for (Kind kind : Kind.values()) {
              cells.add(matrices.containsKey(kind) ? Numbers.fixed(matrices.get(kind), 4) : "-");
            }
            table.add(cells);
          });
    }
    return table;
  }

  @Override
  public JFreeChart draw(ChartFonts fonts) {
    final int kinds = Kind.values().length;
    final XYBlockRenderer renderer = new XYBlockRenderer();
    renderer.setPaintScale(new Shades());
    renderer.setBlockWidth(1.0 / kinds);
    renderer.setBlockHeight(0.8);
    final SymbolAxis across =
        axis(layers.stream().map(layer -> "layer " + layer).toArray(String[]::new), fonts);
    if (layers.size() > 8) {
      across.setLabel("layer");
      across.setLabelFont(fonts.plain(ChartStyle.TEXT));
      across.setLabelPaint(Palette.INK);
      across.setSymbols(layers.stream().map(String::valueOf).toArray(String[]::new));
    }
    final SymbolAxis down = axis(rows.stream().map(Row::name).toArray(String[]::new), fonts);
    down.setInverted(true);
    final XYPlot plot = new XYPlot(data(), across, down, renderer);
    plot.setDomainGridlinesVisible(false);
    plot.setRangeGridlinesVisible(false);
    for (int i = 1; i < layers.size(); i++) {
      plot.addDomainMarker(
          new ValueMarker(i - 0.5, Color.WHITE, ChartStyle.line(5)), Layer.FOREGROUND);
    }
    return ChartStyle.chart(title(), subtitle, "", plot, this::legend, fonts);
  }

  private DefaultXYZDataset data() {
    final List<double[]> fields = new ArrayList<>();
    for (int r = 0; r < rows.size(); r++) {
      for (int l = 0; l < layers.size(); l++) {
        for (Map.Entry<Kind, Double> matrix :
            rows.get(r).sparsity.getOrDefault(layers.get(l), Map.of()).entrySet()) {
          final double x = l - 0.5 + (matrix.getKey().ordinal() + 0.5) / Kind.values().length;
          fields.add(new double[] {x, r, matrix.getValue()});
        }
      }
    }
    final double[][] columns = new double[3][fields.size()];
    for (int i = 0; i < fields.size(); i++) {
      for (int c = 0; c < columns.length; c++) {
        columns[c][i] = fields.get(i)[c];
      }
    }
    final DefaultXYZDataset data = new DefaultXYZDataset();
    data.addSeries("share of zeros", columns);
    return data;
  }

  private static SymbolAxis axis(String[] symbols, ChartFonts fonts) {
    final SymbolAxis axis = new SymbolAxis(null, symbols);
    axis.setGridBandsVisible(false);
    axis.setTickLabelFont(fonts.plain(ChartStyle.SMALL));
    axis.setTickLabelPaint(Palette.INK);
    axis.setAxisLineVisible(false);
    axis.setTickMarksVisible(false);
    axis.setRange(-0.5, symbols.length - 0.5);
    return axis;
  }

  private LegendItemCollection legend() {
    final LegendItemCollection items = new LegendItemCollection();
    IntStream.range(0, Shades.COUNT)
        .filter(this::occurs)
        .forEach(
            i ->
                items.add(
                    new LegendItem(
                        Shades.title(i), null, null, null, Palette.swatch(), Shades.shade(i))));
    return items;
  }

  private boolean occurs(int shade) {
    return rows.stream()
        .flatMap(row -> row.sparsity.values().stream())
        .flatMap(layer -> layer.values().stream())
        .anyMatch(sparsity -> Shades.index(sparsity) == shade);
  }
}
