package dev.bantam.model;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.model.LayerForward.EncoderShape;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Kernels;
import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A BERT-like encoder with pooling and an optional classification head.
 *
 * <p>Parameters are live tensors: an optimiser or a compression step writes to them and the next
 * pass sees it. One pass at a time; a pass uses all workers.
 */
public final class EncoderModel implements Model<Batch> {
  private final Architecture architecture;
  private final Optional<Head> head;
  private final Pooling pooling;
  private final Map<String, INDArray> parameters;
  private final Workers workers;
  private final Kernels kernels;
  private final EncoderShape shape;
  private final Map<String, LinearOperator> operators = new HashMap<>(); // by name only
  private final Scratch[] scratch;
  private final PassMemory memory;
  private final GradientStore gradients;

  /**
   * @param parameters weights by Hugging Face base-model name; kept, not copied
   * @throws IllegalArgumentException if a tensor is missing or has another shape
   */
  public EncoderModel(
      Architecture architecture,
      Optional<Head> head,
      Pooling pooling,
      Map<String, INDArray> parameters,
      Workers workers) {
    this(architecture, head, pooling, parameters, workers, Kernels.best());
  }

  /** As the other constructor, with the kernels chosen by the caller. */
  public EncoderModel(
      Architecture architecture,
      Optional<Head> head,
      Pooling pooling,
      Map<String, INDArray> parameters,
      Workers workers,
      Kernels kernels) {
    this.architecture = architecture;
    this.head = head;
    this.pooling = pooling;
    this.parameters = new LinkedHashMap<>(parameters);
    this.workers = workers;
    this.kernels = kernels;
    this.shape =
        new EncoderShape(
            architecture.hiddenSize(),
            architecture.headSize(),
            EncoderShape.kernel(architecture.activation()),
            architecture.layerNormEps());
    this.scratch = new Scratch[workers.threads()];
    for (int i = 0; i < scratch.length; i++) {
      scratch[i] = new Scratch();
    }
    this.memory = new PassMemory(architecture);
    this.gradients = new GradientStore(this.parameters::get);
    ParameterShapes.check(architecture, head, pooling, parameters);
  }

  /** Shape and conventions. */
  public Architecture architecture() {
    return architecture;
  }

  /** The classification head, if there is one. */
  public Optional<Head> head() {
    return head;
  }

  /** How a text's vector is made. */
  public Pooling pooling() {
    return pooling;
  }

  @Override
  public Map<String, INDArray> parameters() {
    return java.util.Collections.unmodifiableMap(parameters);
  }

  /**
   * The same architecture, pooling and weights with another head on top. Encoder tensors are
   * shared, not copied.
   *
   * @param weight [labels, d]
   * @param bias [labels]
   */
  public EncoderModel withHead(Head newHead, Pooling newPooling, INDArray weight, INDArray bias) {
    final Map<String, INDArray> all = new LinkedHashMap<>(parameters);
    all.put(PooledHead.WEIGHT, weight);
    all.put(PooledHead.BIAS, bias);
    return new EncoderModel(architecture, Optional.of(newHead), newPooling, all, workers, kernels);
  }

  private LinearOperator operator(String name) {
    return operators.computeIfAbsent(name, n -> new DenseLinear(parameters.get(n)));
  }

  private Pass pass(Batch batch, boolean keep, Regularization regularization) {
    checkInput(batch);
    final Shards shards = new Shards(batch.offsets());
    return new Pass(
        batch,
        shards,
        Pass.scoreOffsets(batch),
        workers,
        scratch,
        kernels,
        keep,
        regularization.dropout() > 0
            ? new Pass.Dropout(regularization.dropout(), regularization.seed())
            : Pass.Dropout.NONE);
  }

  private void checkInput(Batch batch) {
    check(batch.ids(), architecture.vocabularySize(), "Token id", "vocabulary");
    check(batch.positions(), architecture.positions(), "Position", "position table");
    check(batch.typeIds(), architecture.tokenTypes(), "Token type", "token type table");
  }

  private static void check(int[] values, int size, String what, String table) {
    for (int value : values) {
      if (value < 0 || value >= size) {
        throw new IllegalArgumentException(
            what + " " + value + " is outside the " + table + " of " + size);
      }
    }
  }

  /** Runs the encoder; the last hidden states are in the returned buffer until the next pass. */
  private Floats encode(Pass pass) {
    memory.reserve(pass);
    final EmbeddingLayer embeddings = embeddings(pass);
    final List<Stage> stages = new ArrayList<>();
    stages.add(embeddings.forward(memory.embedded(), memory.embeddingSaved()));
    Floats input = memory.embedded();
    for (int i = 0; i < architecture.layers().size(); i++) {
      final LayerBuffers buffers = memory.layer(i);
      stages.addAll(new LayerForward(pass, i, weights(i), buffers, input, shape).stages());
      input = buffers.output;
    }
    Stage.runAll(stages, pass.shards(), workers);
    return input;
  }

  private EmbeddingLayer embeddings(Pass pass) {
    return new EmbeddingLayer(pass, parameters, shape.hiddenSize(), shape.eps());
  }

  private LayerWeights weights(int layer) {
    return new LayerWeights(layer, parameters::get, this::operator);
  }

  private PooledHead pooledHead(Pass pass) {
    return new PooledHead(pass, pooling, shape.hiddenSize(), parameters);
  }

  /**
   * Hidden states after the embeddings and after each layer, each [tokens, d], copied.
   *
   * @return layers + 1 tensors
   */
  public List<INDArray> hiddenStates(Batch batch) {
    final Pass pass = pass(batch, true, Regularization.NONE);
    encode(pass);
    final List<INDArray> states = new ArrayList<>();
    states.add(copy(memory.embedded(), batch.tokens()));
    for (int i = 0; i < architecture.layers().size(); i++) {
      states.add(copy(memory.layer(i).output, batch.tokens()));
    }
    return states;
  }

  private INDArray copy(Floats rows, int tokens) {
    final float[] values = new float[tokens * shape.hiddenSize()];
    rows.read(0, values, 0, values.length);
    return Floats.tensor(values, tokens, shape.hiddenSize());
  }

  /** The last hidden states, [tokens, d] row-major. */
  public float[] encode(Batch batch) {
    final Floats hidden = encode(pass(batch, false, Regularization.NONE));
    final float[] values = new float[batch.tokens() * shape.hiddenSize()];
    hidden.read(0, values, 0, values.length);
    return values;
  }

  /**
   * One vector a text, [sequences, d] row-major.
   *
   * @param normalize whether to scale each to unit length
   */
  public float[] embed(Batch batch, boolean normalize) {
    final Pass pass = pass(batch, false, Regularization.NONE);
    final float[] pooled = pooledHead(pass).pool(encode(pass));
    if (normalize) {
      final int d = shape.hiddenSize();
      for (int s = 0; s < batch.sequences(); s++) {
        double squares = 0;
        for (int i = 0; i < d; i++) {
          squares += (double) pooled[s * d + i] * pooled[s * d + i];
        }
        final double scale = 1 / Math.max(Math.sqrt(squares), 1e-12);
        for (int i = 0; i < d; i++) {
          pooled[s * d + i] = (float) (pooled[s * d + i] * scale);
        }
      }
    }
    return pooled;
  }

  @Override
  public Outputs outputs(Batch batch) {
    requireHead();
    final Pass pass = pass(batch, false, Regularization.NONE);
    final PooledHead top = pooledHead(pass);
    return top.classify(top.pool(encode(pass)));
  }

  @Override
  public double gradients(
      Batch batch, Loss loss, Regularization regularization, GradientSink sink) {
    requireHead();
    final Pass pass = pass(batch, true, regularization);
    final Floats hidden = encode(pass);
    final PooledHead top = pooledHead(pass);
    final float[] pooled = top.pool(hidden);
    final float[] dropped = pooled.clone();
    final Outputs outputs = top.classify(dropped);
    final float[] gradient = new float[outputs.values().length];
    final double value = loss.apply(outputs.values(), outputs.rows(), outputs.columns(), gradient);
    gradients.to(sink);
    final BackwardBuffers buffers = memory.backward();
    top.backward(gradient, dropped, pooled, hidden, buffers.stream, gradients);
    final int lowest = lowestLayerWanted(sink);
    for (int i = architecture.layers().size() - 1; i >= lowest; i--) {
      final Floats input = i == 0 ? memory.embedded() : memory.layer(i - 1).output;
      new LayerBackward(pass, i, weights(i), memory.layer(i), buffers, input, shape, gradients)
          .run();
    }
    if (lowest == 0) {
      embeddings(pass).backward(buffers.stream, memory.embeddingSaved(), gradients);
    }
    return value;
  }

  /** Layers below the lowest one with a wanted gradient need no backward. */
  private int lowestLayerWanted(GradientSink sink) {
    int lowest = architecture.layers().size();
    for (String name : parameters.keySet()) {
      if (!sink.wants(name)) {
        continue;
      }
      if (name.startsWith("embeddings.")) {
        return 0;
      }
      if (name.startsWith("encoder.layer.")) {
        lowest = Math.min(lowest, Integer.parseInt(name.split("\\.")[2]));
      }
    }
    return lowest;
  }

  private void requireHead() {
    if (head.isEmpty()) {
      throw new IllegalStateException("This model has no classification head");
    }
  }
}
