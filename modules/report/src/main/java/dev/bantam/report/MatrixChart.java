package dev.bantam.report;

import dev.bantam.report.RunFolder.Cell;
import java.awt.Color;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
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
 * A quantity of each encoder matrix, its zeros or its bits: a row of fields per variant, as in its
 * first replicate. The darker, the more.
 */
final class MatrixChart implements ChartSpec {
  /** What is shown. */
  enum Quantity {
    /** Zeros of variants that were pruned, in tenths. */
    SPARSITY(
        "sparsity-by-layer", "Zeros in each encoder matrix", "share of zeros in", "", 10, 4, 2) {
      @Override
      OptionalDouble of(TensorRecord tensor) {
        return OptionalDouble.of(tensor.sparsity());
      }

      @Override
      boolean shows(VariantGroup group, List<Double> values) {
        return group.hasStep(StepRecord.PRUNE) && !values.isEmpty();
      }

      @Override
      int shade(double value) {
        final double rounded = Math.rint(1000 * value) / 1000; // whole weights miss 0.6 by a few
        return Math.min(shades() - 1, (int) (rounded * shades() + 1e-9));
      }

      @Override
      String shadeTitle(int index) {
        return String.format(Locale.ROOT, "%.1f to %.1f", index / 10.0, (index + 1) / 10.0);
      }
    },
    /** Widths of codes, of variants with more than one. */
    BITS("bits-by-layer", "Bits of a weight in each encoder matrix", "width of", " bits", 8, 0, 0) {
      @Override
      OptionalDouble of(TensorRecord tensor) {
        return tensor.bits().isPresent()
            ? OptionalDouble.of(tensor.bits().getAsInt())
            : OptionalDouble.empty();
      }

      @Override
      boolean shows(VariantGroup group, List<Double> values) {
        return values.stream().distinct().count() > 1;
      }

      @Override
      int shade(double value) {
        return Math.max(0, Math.min(shades() - 1, (int) value - 1));
      }

      @Override
      String shadeTitle(int index) {
        return index == 0 ? "1 bit" : index + 1 + " bits";
      }
    };

    private final String file;
    private final String title;
    private final String words;
    private final String unit;
    private final int shades;
    private final int decimals;
    private final int decimalsInWords;

    Quantity(
        String file,
        String title,
        String words,
        String unit,
        int shades,
        int decimals,
        int decimalsInWords) {
      this.file = file;
      this.title = title;
      this.words = words;
      this.unit = unit;
      this.shades = shades;
      this.decimals = decimals;
      this.decimalsInWords = decimalsInWords;
    }

    /** Its value for a tensor, if the step gave it one. */
    abstract OptionalDouble of(TensorRecord tensor);

    /** Whether a variant with these values is worth a row. */
    abstract boolean shows(VariantGroup group, List<Double> values);

    /** Number of the shade of a value, 0 the lightest. */
    abstract int shade(double value);

    abstract String shadeTitle(int index);

    int shades() {
      return shades;
    }
  }

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

    /** As tables say it. */
    String title() {
      return title;
    }
  }

  /**
   * Where a matrix is.
   *
   * @param layer from 0
   * @param kind which of the layer's
   */
  record Place(int layer, Kind kind) {
    /** Of a parameter; empty if it is no matrix of an encoder layer. */
    static Optional<Place> of(String parameter) {
      final Matcher name = Kind.NAME.matcher(parameter);
      if (!name.matches()) {
        return Optional.empty();
      }
      return Arrays.stream(Kind.values())
          .filter(kind -> kind.module.equals(name.group(2)))
          .findFirst()
          .map(kind -> new Place(Integer.parseInt(name.group(1)), kind));
    }

    /** Where its middle stands on an axis on which layers are a unit wide. */
    double middle(int layerIndex) {
      return layerIndex - 0.5 + (kind.ordinal() + 0.5) / Kind.values().length;
    }
  }

  /**
   * One variant.
   *
   * @param values by layer and matrix, in that order; what no step touched is missing
   */
  record Row(String name, TreeMap<Integer, Map<Kind, Double>> values) {
    /** Empty if the variant has nothing to show. */
    static Optional<Row> of(Quantity quantity, String name, VariantGroup group) {
      return group.cells().stream()
          .filter(cell -> cell.record().result().isPresent())
          .findFirst()
          .map(cell -> new Row(name, values(quantity, cell)))
          .filter(
              row ->
                  quantity.shows(
                      group,
                      row.values.values().stream().flatMap(l -> l.values().stream()).toList()));
    }

    private static TreeMap<Integer, Map<Kind, Double>> values(Quantity quantity, Cell cell) {
      final TreeMap<Integer, Map<Kind, Double>> found = new TreeMap<>();
      for (StepRecord step : cell.record().result().orElseThrow().steps()) {
        for (TensorRecord tensor : step.tensors()) {
          final OptionalDouble value = quantity.of(tensor);
          final Optional<Place> place = Place.of(tensor.name());
          if (place.isPresent() && value.isPresent()) {
            found
                .computeIfAbsent(place.get().layer(), l -> new EnumMap<>(Kind.class))
                .put(place.get().kind(), value.getAsDouble()); // the last step counts
          }
        }
      }
      return found;
    }

    private String inWords(Quantity quantity) {
      String lowest = "";
      String highest = "";
      double low = Double.POSITIVE_INFINITY;
      double high = Double.NEGATIVE_INFINITY;
      for (Map.Entry<Integer, Map<Kind, Double>> layer : values.entrySet()) {
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
      final String from = Numbers.fixed(low, quantity.decimalsInWords);
      final String to = Numbers.fixed(high, quantity.decimalsInWords) + quantity.unit;
      return to.equals(from + quantity.unit)
          ? name + " " + to + " everywhere"
          : name + " from " + from + lowest + " to " + to + highest;
    }
  }

  /** From white to dark: one hue, so that order survives print and colour blindness. */
  private record Shades(Quantity quantity) implements PaintScale {
    private static final Color LIGHT = new Color(0xe6, 0xf1, 0xfb);
    private static final Color DARK = new Color(0x00, 0x1f, 0x3d);

    Color shade(int index) {
      final double t = 2 * index / (quantity.shades() - 1.0);
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

    @Override
    public double getLowerBound() {
      return 0;
    }

    @Override
    public double getUpperBound() {
      return quantity.shades();
    }

    @Override
    public Color getPaint(double value) {
      return shade(quantity.shade(value));
    }
  }

  private final Quantity quantity;
  private final List<Row> rows;
  private final List<Integer> layers;
  private final String subtitle;

  /**
   * @param rows at least one
   * @param subtitle which model, task and seed
   */
  MatrixChart(Quantity quantity, List<Row> rows, String subtitle) {
    this.quantity = quantity;
    this.rows = List.copyOf(rows);
    this.layers =
        rows.stream().flatMap(row -> row.values.keySet().stream()).distinct().sorted().toList();
    this.subtitle = subtitle;
  }

  @Override
  public String name() {
    return quantity.file;
  }

  @Override
  public String title() {
    return quantity.title;
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
    return "Chart: "
        + quantity.words
        + " each encoder matrix. "
        + String.join("; ", rows.stream().map(row -> row.inWords(quantity)).toList())
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
      row.values.forEach(
          (layer, matrices) -> {
            final List<String> cells = new ArrayList<>(List.of(row.name, Integer.toString(layer)));
            for (Kind kind : Kind.values()) {
              cells.add(
                  matrices.containsKey(kind)
                      ? Numbers.fixed(matrices.get(kind), quantity.decimals)
                      : "-");
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
    renderer.setPaintScale(new Shades(quantity));
    renderer.setBlockWidth(1.0 / kinds);
    renderer.setBlockHeight(0.8);
    final SymbolAxis across = layerAxis(layers, fonts);
    final SymbolAxis down = axis(rows.stream().map(Row::name).toArray(String[]::new), fonts);
    down.setInverted(true);
    final XYPlot plot = new XYPlot(data(), across, down, renderer);
    plot.setDomainGridlinesVisible(false);
    plot.setRangeGridlinesVisible(false);
    separate(plot, layers.size());
    return ChartStyle.chart(title(), subtitle, "", plot, this::legend, fonts);
  }

  /** White lines between layers. */
  static void separate(XYPlot plot, int layers) {
    for (int i = 1; i < layers; i++) {
      plot.addDomainMarker(
          new ValueMarker(i - 0.5, Color.WHITE, ChartStyle.line(5)), Layer.FOREGROUND);
    }
  }

  /** An axis on which each layer is a unit wide. */
  static SymbolAxis layerAxis(List<Integer> layers, ChartFonts fonts) {
    final SymbolAxis across =
        axis(layers.stream().map(layer -> "layer " + layer).toArray(String[]::new), fonts);
    if (layers.size() > 8) {
      across.setLabel("layer");
      across.setLabelFont(fonts.plain(ChartStyle.TEXT));
      across.setLabelPaint(Palette.INK);
      across.setSymbols(layers.stream().map(String::valueOf).toArray(String[]::new));
    }
    return across;
  }

  private DefaultXYZDataset data() {
    final List<double[]> fields = new ArrayList<>();
    for (int r = 0; r < rows.size(); r++) {
      for (int l = 0; l < layers.size(); l++) {
        for (Map.Entry<Kind, Double> matrix :
            rows.get(r).values.getOrDefault(layers.get(l), Map.of()).entrySet()) {
          final double x = new Place(layers.get(l), matrix.getKey()).middle(l);
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
    data.addSeries(quantity.title, columns);
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
    final Shades shades = new Shades(quantity);
    IntStream.range(0, quantity.shades())
        .filter(this::occurs)
        .forEach(
            i ->
                items.add(
                    new LegendItem(
                        quantity.shadeTitle(i),
                        null,
                        null,
                        null,
                        Palette.swatch(),
                        shades.shade(i))));
    return items;
  }

  private boolean occurs(int shade) {
    return rows.stream()
        .flatMap(row -> row.values.values().stream())
        .flatMap(layer -> layer.values().stream())
        .anyMatch(value -> quantity.shade(value) == shade);
  }
}
