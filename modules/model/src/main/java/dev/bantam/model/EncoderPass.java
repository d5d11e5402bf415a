package dev.bantam.model;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.model.LayerForward.EncoderShape;
import dev.bantam.model.LayerWeights.Linear;
import dev.bantam.model.Model.InputSink;
import dev.bantam.model.Model.Outputs;
import dev.bantam.model.Model.Regularization;
import dev.bantam.model.Site.Kind;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Kernels;
import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Runs batches through an encoder: the memory of passes and the order of things in them. */
final class EncoderPass {
  private static final String POOLER = PooledHead.POOLER_WEIGHT;
  private static final Pattern LINEAR =
      Pattern.compile(
          "encoder\\.layer\\.\\d+\\.(attention\\.self\\.(query|key|value)|attention\\.output\\.dense"
              + "|intermediate\\.dense|output\\.dense)\\.weight|pooler\\.dense\\.weight"
              + "|embeddings\\.projection\\.weight");

  private final EncoderModel model;
  private final Architecture architecture;
  private final EncoderSites sites;
  private final Attachments attachments;
  private final Workers workers;
  private final Kernels kernels;
  private final EncoderShape shape;
  private final Scratch[] scratch;
  private final PassMemory memory;
  private final SpareMemory spare = new SpareMemory();
  private final GradientStore gradients;
  private final int layers;
  private final LayerWeights[] weights;
  private final LayerRunner runner;
  private boolean frozen;

  EncoderPass(
      EncoderModel model,
      EncoderSites sites,
      Attachments attachments,
      Workers workers,
      Kernels kernels) {
    this.model = model;
    this.architecture = model.architecture();
    this.sites = sites;
    this.attachments = attachments;
    this.workers = workers;
    this.kernels = kernels;
    this.shape =
        new EncoderShape(
            architecture.hiddenSize(),
            architecture.headSize(),
            EncoderShape.kernel(architecture.activation()),
            architecture.layerNormEps(),
            architecture
                .relativeBias()
                .map(bias -> new RelativePositions(bias, heads(), model::view))
                .orElse(null));
    this.scratch = new Scratch[workers.threads()];
    for (int i = 0; i < scratch.length; i++) {
      scratch[i] = new Scratch();
    }
    this.memory = new PassMemory(architecture);
    this.gradients = new GradientStore(name -> model.parameters().get(name), this::uses);
    this.layers = architecture.layers().size();
    this.weights = new LayerWeights[architecture.storedLayers()];
    this.runner = new LayerRunner(model, shape, attachments, workers, this::shortPass);
  }

  /** Heads of every layer; one table of biases by distance serves layers of as many. */
  private int heads() {
    final int heads = architecture.layers().get(0).heads();
    if (architecture.layers().stream().anyMatch(layer -> layer.heads() != heads)) {
      throw new IllegalArgumentException(
          "A relative bias needs layers with the same number of heads");
    }
    return heads;
  }

  /** In how many places a parameter takes part: the layers that share it. */
  private int uses(String parameter) {
    if (parameter.equals(RelativePositions.NAME)) {
      return layers;
    }
    final int number = storedLayer(parameter);
    return number < 0 ? 1 : Collections.frequency(architecture.layerWeights(), number);
  }

  /** The number n of weights {@code encoder.layer.n}, or -1 for others. */
  private static int storedLayer(String parameter) {
    return parameter.startsWith("encoder.layer.")
        ? Integer.parseInt(parameter.split("\\.")[2])
        : -1;
  }

  /** Prepares the operators once for all passes until the result is closed. */
  Model.Frozen freeze() {
    if (frozen) {
      return () -> {};
    }
    prepareOperators(false);
    frozen = true;
    runner.frozen(true);
    return this::thaw;
  }

  private void thaw() {
    frozen = false;
    runner.frozen(false);
  }

  /** Refuses what a frozen model does not allow. */
  void requireThawed(String what) {
    if (frozen) {
      throw new IllegalStateException(
          what + " is not possible while the model is frozen; close what 'freeze' returned first");
    }
  }

  private void prepareOperators(boolean backward) {
    final List<LinearOperator> operators = new ArrayList<>();
    for (int n = 0; n < weights.length; n++) {
      stored(n).linears().forEach(linear -> operators.add(linear.operator()));
    }
    if (architecture.embeddings().projected()) {
      operators.add(model.operator(EmbeddingLayer.PROJECTION));
    }
    if (model.pooling() == dev.bantam.checkpoint.Pooling.POOLER) {
      operators.add(model.operator(POOLER));
    }
    LinearOperator.prepareAll(operators, backward, workers);
  }

  /** Whether a parameter is the matrix of a linear layer. */
  static boolean isLinear(String name) {
    return LINEAR.matcher(name).matches();
  }

  /** Forgets what was made for the things attached before. */
  void changed(String owner) {
    java.util.Arrays.fill(weights, null);
    gradients.forget(owner);
  }

  LayerRunner runner() {
    return runner;
  }

  private Pass pass(
      Batch batch,
      boolean keep,
      boolean backward,
      Regularization regularization,
      Collection<Site> wanted) {
    checkInput(batch);
    final Set<Site> read = new LinkedHashSet<>(wanted);
    read.addAll(attachments.observers().keySet());
    if (!frozen) {
      prepareOperators(backward);
    }
    return pass(batch, keep || !read.isEmpty(), regularization, read);
  }

  private Pass pass(Batch batch, boolean keep, Regularization regularization, Set<Site> read) {
    attachments.prepare();
    if (shape.relative() != null) {
      shape.relative().refresh();
    }
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
            : Pass.Dropout.NONE,
        sites.hooks(batch, shards, attachments, spare, keep, read));
  }

  /** A pass through one layer on given activations. */
  private Pass shortPass(int[] offsets, boolean transforms) {
    final int tokens = offsets[offsets.length - 1];
    final int[] positions = new int[tokens];
    for (int s = 0; s < offsets.length - 1; s++) {
      for (int t = offsets[s]; t < offsets[s + 1]; t++) {
        positions[t] = t - offsets[s];
      }
    }
    final Batch batch = new Batch(new int[tokens], new int[tokens], positions, offsets);
    final Pass pass = pass(batch, false, Regularization.NONE, Set.of());
    return transforms ? pass : pass.with(Hooks.NONE);
  }

  private void checkInput(Batch batch) {
    check(batch.ids(), architecture.vocabularySize(), "Token id", "vocabulary");
    final int[] positions = PositionIds.of(architecture, batch);
    check(positions, architecture.positions(), "Position", "position table");
    if (architecture.tokenTypes() > 0) {
      check(batch.typeIds(), architecture.tokenTypes(), "Token type", "token type table");
    }
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
    final List<Stage> stages =
        new ArrayList<>(embeddings(pass).forward(memory.embedded(), memory.embeddingSaved()));
    Floats input = memory.embedded();
    for (int i = 0; i < layers; i++) {
      final LayerBuffers buffers = memory.layer(i);
      final LayerForward layer =
          new LayerForward(
              pass,
              i,
              weights(i).refresh(),
              buffers,
              input,
              shape.with(attachments.activation(i)),
              attachments.attention(i),
              spare);
      stages.addAll(layer.stages());
      input = buffers.output;
    }
    Stage.runAll(stages, pass.shards(), workers);
    return input;
  }

  private EmbeddingLayer embeddings(Pass pass) {
    final Linear projection =
        architecture.embeddings().projected()
            ? new Linear(EmbeddingLayer.PROJECTION, model.operator(EmbeddingLayer.PROJECTION))
            : null;
    return new EmbeddingLayer(pass, model::view, architecture, projection);
  }

  private LayerWeights weights(int layer) {
    return stored(architecture.layerWeights().get(layer));
  }

  private LayerWeights stored(int number) {
    if (weights[number] == null) {
      weights[number] = new LayerWeights(number, model::view, model::operator);
    }
    return weights[number];
  }

  private PooledHead pooledHead(Pass pass) {
    final Linear pooler =
        model.pooling() == dev.bantam.checkpoint.Pooling.POOLER
            ? new Linear(POOLER, model.operator(POOLER))
            : null;
    return new PooledHead(
        pass,
        model.pooling(),
        model.readsTokens(),
        shape.hiddenSize(),
        model::view,
        pooler,
        architecture.poolerActivation());
  }

  /** Calls the observers of the sites that the pass has come by. */
  private void observe(Pass pass, boolean pooled) {
    if (attachments.observers().isEmpty()) {
      return;
    }
    for (SiteHook hook : pass.hooks().all()) {
      if (pooled || !hook.site.kind().perSequence()) {
        attachments
            .observers()
            .getOrDefault(hook.site, List.of())
            .forEach(observer -> observer.observe(hook.value));
      }
    }
  }

  List<INDArray> hiddenStates(Batch batch) {
    final Pass pass = pass(batch, true, false, Regularization.NONE, List.of());
    encode(pass);
    observe(pass, false);
    final List<INDArray> states = new ArrayList<>();
    states.add(Floats.tensor(copy(memory.embedded(), batch), batch.tokens(), shape.hiddenSize()));
    for (int i = 0; i < layers; i++) {
      states.add(
          Floats.tensor(copy(memory.layer(i).output, batch), batch.tokens(), shape.hiddenSize()));
    }
    return states;
  }

  private float[] copy(Floats rows, Batch batch) {
    final float[] values = new float[batch.tokens() * shape.hiddenSize()];
    rows.read(0, values, 0, values.length);
    return values;
  }

  float[] encode(Batch batch) {
    final Pass pass = pass(batch, false, false, Regularization.NONE, List.of());
    final float[] values = copy(encode(pass), batch);
    observe(pass, false);
    return values;
  }

  float[] embed(Batch batch) {
    final Pass pass = pass(batch, false, false, Regularization.NONE, List.of());
    final float[] pooled = pooledHead(pass).pool(encode(pass));
    observe(pass, true);
    return pooled;
  }

  Outputs outputs(Batch batch) {
    final Pass pass = pass(batch, false, false, Regularization.NONE, List.of());
    final PooledHead top = pooledHead(pass);
    final Outputs outputs = top.classify(top.input(encode(pass)));
    observe(pass, true);
    return outputs;
  }

  List<float[]> siteValues(Batch batch, List<Site> wanted) {
    final Pass pass = pass(batch, true, false, Regularization.NONE, wanted);
    pooledHead(pass).pool(encode(pass));
    observe(pass, true);
    final List<float[]> values = new ArrayList<>();
    for (Site site : wanted) {
      values.add(pass.hooks().at(site.layer(), site.kind()).value.toArray());
    }
    return values;
  }

  void linearInputs(Batch batch, Collection<String> names, InputSink sink) {
    final Pass pass = pass(batch, true, false, Regularization.NONE, List.of());
    final PooledHead top = pooledHead(pass);
    final Floats hidden = encode(pass);
    final float[] pooled = top.pool(hidden);
    observe(pass, true);
    final int d = shape.hiddenSize();
    for (String name : names) {
      if (name.equals(PooledHead.WEIGHT)) {
        final float[] rows = model.readsTokens() ? top.input(hidden) : pooled;
        give(name, rows, rows.length / d, sink);
      } else if (name.equals(POOLER)) {
        if (top.poolerInput() == null) {
          throw new IllegalArgumentException("'" + POOLER + "' takes no part in this pooling");
        }
        give(name, top.poolerInput(), batch.sequences(), sink);
      } else if (name.equals(EmbeddingLayer.PROJECTION)) {
        final int columns = architecture.embeddings().width();
        sink.accept(name, memory.embeddingSaved().factored(), batch.tokens(), columns);
      } else {
        give(pass, name, sink);
      }
    }
  }

  /** What the matrix of encoder layers saw: in its layer, or one after the other in all of its. */
  private void give(Pass pass, String name, InputSink sink) {
    final int number = storedLayer(name);
    final int columns = model.operator(name).inputs();
    final int tokens = pass.batch().tokens();
    final int places = uses(name);
    if (places == 1) {
      final int layer = architecture.layerWeights().indexOf(number);
      sink.accept(name, input(pass, name, layer), tokens, columns);
      return;
    }
    final int size = tokens * columns;
    final Floats all = spare.get("shared inputs", Math.multiplyExact(places, size));
    final float[] rows = new float[size];
    int at = 0;
    for (int layer = 0; layer < layers; layer++) {
      if (architecture.layerWeights().get(layer) == number) {
        input(pass, name, layer).read(0, rows, 0, size);
        all.write(at, rows, 0, size);
        at += size;
      }
    }
    sink.accept(name, all, places * tokens, columns);
  }

  private void give(String name, float[] rows, int n, InputSink sink) {
    final Floats x = Floats.of(Floats.tensor(rows, n, shape.hiddenSize()));
    sink.accept(name, x, n, shape.hiddenSize());
    x.close();
  }

  /** What the matrix of an encoder layer saw in a pass that keeps its activations. */
  private Floats input(Pass pass, String name, int layer) {
    final LayerBuffers saved = memory.layer(layer);
    final int d = shape.hiddenSize();
    if (name.contains("attention.self")) {
      return LayerForward.branch(pass, layer, Kind.ATTENTION_INPUT, inputOf(layer), d, spare);
    }
    if (name.contains("attention.output")) {
      return saved.context;
    }
    return name.contains("intermediate")
        ? LayerForward.branch(pass, layer, Kind.FFN_INPUT, saved.attention, d, spare)
        : saved.hidden;
  }

  private Floats inputOf(int layer) {
    return layer == 0 ? memory.embedded() : memory.layer(layer - 1).output;
  }

  double gradients(
      Batch batch,
      Loss loss,
      List<LossTerm> terms,
      Regularization regularization,
      GradientSink sink) {
    final Set<Site> wanted = new LinkedHashSet<>();
    terms.forEach(term -> wanted.addAll(term.sites()));
    requireThawed("Computing gradients");
    final Pass pass = pass(batch, true, true, regularization, wanted);
    final Floats hidden = encode(pass);
    final PooledHead top = pooledHead(pass);
    final float[] pooled = top.input(hidden);
    gradients.to(sink);
    double value = 0;
    float[] dPooled = new float[pooled.length];
    if (loss != Loss.NONE) {
      final float[] dropped = pooled.clone();
      final Outputs outputs = top.classify(dropped);
      final float[] gradient = new float[outputs.values().length];
      value = loss.apply(outputs.values(), outputs.rows(), outputs.columns(), gradient);
      dPooled = top.classifierBackward(gradient, dropped, gradients);
    }
    observe(pass, true);
    value += LossTerms.apply(terms, pass, spare);
    final BackwardBuffers buffers = memory.backward();
    top.backward(dPooled, buffers.stream, gradients);
    final int lowest = lowestLayerWanted(sink);
    for (int i = layers - 1; i >= Math.max(lowest, 0); i--) {
      new LayerBackward(
              pass,
              i,
              weights(i),
              memory.layer(i),
              buffers,
              inputOf(i),
              shape.with(attachments.activation(i)),
              attachments.attention(i),
              gradients,
              spare)
          .run();
    }
    if (lowest < 0) {
      embeddings(pass).backward(buffers.stream, spare, memory.embeddingSaved(), gradients);
    }
    return value;
  }

  /**
   * Layers below the lowest one with a wanted gradient need no backward.
   *
   * @return -1 for the embeddings
   */
  private int lowestLayerWanted(GradientSink sink) {
    int lowest = layers;
    for (String name : model.parameters().keySet()) {
      if (!sink.wants(name)) {
        continue;
      }
      if (name.startsWith("embeddings.")) {
        return -1;
      }
      if (name.equals(RelativePositions.NAME)) {
        lowest = 0;
      } else if (storedLayer(name) >= 0) {
        lowest = Math.min(lowest, architecture.layerWeights().indexOf(storedLayer(name)));
      } else if (name.startsWith("layer.")) {
        lowest = Math.min(lowest, Integer.parseInt(name.split("\\.")[1]));
      }
    }
    return lowest;
  }

  void close() {
    thaw();
    memory.close();
    java.util.Arrays.fill(weights, null);
  }
}
