package dev.bantam.mixedprecision;

import dev.bantam.compression.Groups;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step.StepProblem;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;

/**
 * How the weights of a matrix become integers.
 *
 * @param bits width of a code, 2..8
 * @param groupSize inputs that share a scale; empty for a whole row
 * @param buckets groups of whole rows that a matrix is cut into, as in Q-BERT; empty for scales of
 *     rows, or of groups of inputs
 * @param scheme where zero lies among the codes
 * @param range which part of the weights' range the codes cover
 * @param percentile with {@link Range#PERCENTILE}, which share of the weights the upper end of the
 *     range lies above, in (50, 100]; of their magnitudes if the scheme is symmetric
 * @param scaleType type of the stored scales
 */
public record WeightFormat(
    int bits,
    OptionalInt groupSize,
    OptionalInt buckets,
    Scheme scheme,
    Range range,
    double percentile,
    ScaleType scaleType) {
  private static final double ABOVE_HALF = Math.nextUp(50.0);

  /** The percentile where none is given: that of Q-BERT's code. */
  public static final double PERCENTILE = 99.9;

  /** Where zero lies among the codes. */
  public enum Scheme {
    /** In the middle: zero is code 0. */
    SYMMETRIC,
    /** At an integer zero point, so that lopsided groups use all codes. */
    AFFINE,
    /**
     * In general nowhere: the codes span the group from its smallest weight, which is stored, to
     * its largest (Shen et al. 2020, Q-BERT). Zeros do not stay zero.
     */
    OFFSET
  }

  /** Which part of a group's range the codes cover. */
  public enum Range {
    /**
     * All of it. Symmetric codes are -L..L with L = 2^(bits-1) - 1, so that -128 never occurs and
     * negation is exact; at 2 bits these are three levels only.
     */
    MIN_MAX,
    /** The part of least squared error; symmetric codes are -L-1..L. */
    MSE,
    /**
     * The part between two percentiles of the weights, which clips the same share of them at each
     * end; symmetric codes are -L-1..L.
     */
    PERCENTILE,
    /**
     * Learned in a training (LSQ, Esser et al. 2020), from the range of least squared error on, or
     * with an offset from the whole range on.
     */
    LSQ;

    /**
     * Min-max at 8 bits, where clipping gains nothing; least squares below: at 2 bits a row it
     * decides between a usable and a useless encoder.
     */
    static Range ofBits(int bits) {
      return bits == 8 ? MIN_MAX : MSE;
    }

    /** Whether the range of least squared error is searched. */
    boolean searches() {
      return this == MSE || this == LSQ;
    }

    /** Offsets come with the whole range only. */
    static Range of(Scheme scheme, int bits) {
      return scheme == Scheme.OFFSET ? MIN_MAX : ofBits(bits);
    }
  }

  public WeightFormat {
    Objects.requireNonNull(scheme, "scheme");
    Objects.requireNonNull(range, "range");
    Objects.requireNonNull(scaleType, "scaleType");
    if (scheme == Scheme.OFFSET && range == Range.MSE) {
      throw new IllegalArgumentException("No search for the range of codes with an offset");
    }
    if (groupSize.isPresent() && buckets.isPresent()) {
      throw new IllegalArgumentException("Groups are of inputs or of rows, not of both");
    }
    if (buckets.isPresent() && buckets.getAsInt() < 1) {
      throw new IllegalArgumentException("groups is at least 1: " + buckets.getAsInt());
    }
    if (!(percentile > 50 && percentile <= 100)) {
      throw new IllegalArgumentException("percentile is in (50, 100]: " + percentile);
    }
    if (bits < 2 || bits > 8) {
      throw new IllegalArgumentException("bits is 2..8, not " + bits);
    }
    if (groupSize.isPresent() && groupSize.getAsInt() < 1) {
      throw new IllegalArgumentException("group-size is at least 1: " + groupSize.getAsInt());
    }
  }

  /** Scales of rows, or of groups of inputs. */
  public WeightFormat(
      int bits, OptionalInt groupSize, Scheme scheme, Range range, ScaleType scaleType) {
    this(bits, groupSize, OptionalInt.empty(), scheme, range, PERCENTILE, scaleType);
  }

  /** The one home of the defaults. */
  public static WeightFormat of(int bits, OptionalInt groupSize) {
    return new WeightFormat(
        bits, groupSize, Scheme.SYMMETRIC, Range.ofBits(bits), ScaleType.FLOAT16);
  }

  static WeightFormat read(Settings settings) {
    return readBeside(settings, settings.integer("bits", 2, 8, null));
  }

  /** Reads all but {@code bits}, whose default range is that of a width. */
  static WeightFormat readBeside(Settings settings, int bits) {
    final OptionalInt buckets = readBuckets(settings);
    final OptionalInt groupSize =
        buckets.isPresent()
            ? OptionalInt.empty()
            : settings.integerOr("row", "group-size", 1, Integer.MAX_VALUE);
    final WeightFormat defaults = of(bits, groupSize);
    final Scheme scheme = settings.choice("scheme", Scheme.class, defaults.scheme);
    final Range only = Range.of(scheme, bits);
    final Range range = settings.choice("range", Range.class, only);
    if (scheme == Scheme.OFFSET && range == Range.MSE) {
      settings.problem(
          "range", "there is no search for codes with an offset. Write 'min-max', or delete it.");
    }
    return new WeightFormat(
        bits,
        groupSize,
        buckets,
        scheme,
        scheme == Scheme.OFFSET && range == Range.MSE ? only : range,
        range == Range.PERCENTILE
            ? settings.number("percentile", ABOVE_HALF, 100, PERCENTILE)
            : PERCENTILE,
        settings.choice("scale-type", ScaleType.class, defaults.scaleType));
  }

  private static OptionalInt readBuckets(Settings settings) {
    if (!settings.has("groups")) {
      return OptionalInt.empty();
    }
    if (settings.has("group-size")) {
      settings.problem(
          "groups", "it cuts a matrix by rows, 'group-size' by inputs. Delete one of the two.");
    }
    return OptionalInt.of(settings.integer("groups", 1, Integer.MAX_VALUE, null));
  }

  /** The same with another width, the range included. */
  WeightFormat withBits(int width) {
    return new WeightFormat(width, groupSize, buckets, scheme, range, percentile, scaleType);
  }

  /** Matrices that the groups do not divide. */
  List<StepProblem> check(Map<String, long[]> shapes, List<String> names) {
    final List<StepProblem> problems = new ArrayList<>();
    if (groupSize.isPresent()) {
      final int size = groupSize.getAsInt();
      for (String name : names) {
        final long[] shape = shapes.get(name);
        if (shape.length == 2 && shape[1] % size != 0) {
          problems.add(new StepProblem("group-size", leftOver(name, shape, size)));
        }
      }
    }
    if (buckets.isPresent()) {
      final int number = buckets.getAsInt();
      for (String name : names) {
        final long[] shape = shapes.get(name);
        if (shape.length == 2 && shape[0] % number != 0) {
          problems.add(new StepProblem("groups", leftOverRows(name, shape, number)));
        }
      }
    }
    return problems;
  }

  private static String leftOverRows(String name, long[] shape, int number) {
    return String.format(
        Locale.ROOT,
        "'%s' is [%d x %d], and %d groups of as many rows each do not fit: %d rows are left over."
            + " Choose a number that divides %d, or list the tensor under 'skip'.",
        name,
        shape[0],
        shape[1],
        number,
        shape[0] % number,
        shape[0]);
  }

  private static String leftOver(String name, long[] shape, int size) {
    return String.format(
        Locale.ROOT,
        "'%s' is [%d x %d], and groups of %d inputs leave %d over. Choose a size that divides %d,"
            + " or 'row', or list the tensor under 'skip'.",
        name,
        shape[0],
        shape[1],
        size,
        shape[1] % size,
        shape[1]);
  }

  /** The groups of a matrix, which they must divide. */
  Groups groups(int rows, int columns) {
    if (buckets.isPresent()) {
      return Groups.ofRows(rows, columns, rows / buckets.getAsInt());
    }
    return Groups.ofColumns(rows, columns, groupSize.orElse(columns));
  }

  /** Bytes of codes, scales and zero points of a matrix, all codes stored. */
  long storedBytes(long rows, long columns) {
    final long groups =
        buckets.isPresent()
            ? buckets.getAsInt()
            : rows * (columns / groupSize.orElse(Math.toIntExact(columns)));
    final long zeroPoints = scheme == Scheme.AFFINE ? (groups * bits + 7) / 8 : 0;
    final int numbers = scheme == Scheme.OFFSET ? 2 : 1;
    return rows * ((columns * bits + 7) / 8)
        + groups * numbers * (scaleType.stored().bits() / 8)
        + zeroPoints;
  }

  /** E.g. {@code 4 bit, groups of 128, symmetric -8..7, mse range, float16 scales}. */
  String describe() {
    final int top = (1 << (bits - 1)) - 1;
    final boolean restricted = scheme == Scheme.SYMMETRIC && range == Range.MIN_MAX;
    final boolean offset = scheme == Scheme.OFFSET;
    return String.format(
        Locale.ROOT,
        "%d bit, %s, %s %d..%d, %s range, %s scales",
        bits,
        groupsInWords(),
        word(scheme),
        offset ? 0 : restricted ? -top : -top - 1,
        offset ? 2 * top + 1 : top,
        rangeInWords(),
        word(scaleType));
  }

  /** All but the width. */
  String describeGroups() {
    return String.format(
        Locale.ROOT,
        "%s, %s, %s range, %s scales",
        groupsInWords(),
        word(scheme),
        rangeInWords(),
        word(scaleType));
  }

  private String rangeInWords() {
    return range == Range.PERCENTILE ? "percentile " + percentile : word(range);
  }

  private String groupsInWords() {
    if (buckets.isPresent()) {
      return buckets.getAsInt() == 1 ? "one group" : buckets.getAsInt() + " groups of rows";
    }
    return groupSize.isPresent() ? "groups of " + groupSize.getAsInt() : "rows";
  }

  private static String word(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
