// A slider tells the server its value when it is let go. While a hand moves one, this tells it too:
// whenever the page rests, so that moves never queue up. Where the slider is built otherwise, it
// answers when it is let go, as it does without this.
(() => {
  if (window.prunevizHand) return
  window.prunevizHand = true
  const PAUSE = 150 // milliseconds between two answers at least
  const LOOK = 30 // between two looks whether the page rests
  const LOST = 600 // after which a run that was never seen counts as over
  let held = null
  let entered = null // whether the last move has its entry in the history; null after anything else

  const rests = () =>
    document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'

  // The nearest component around an element that was given a function of this name.
  const given = (element, name) => {
    const key = Object.keys(element).find((each) => each.startsWith('__reactFiber$'))
    let fiber = key && element[key]
    while (fiber && typeof fiber.memoizedProps?.[name] !== 'function') fiber = fiber.return
    return fiber?.memoizedProps[name]
  }

  // React draws at once what a change event brings, so that the hand cannot move on in between.
  const atOnce = (action) => {
    const target = new EventTarget()
    target.addEventListener('change', action)
    target.dispatchEvent(new Event('change'))
  }

  // Goes to the server together with the slider's value.
  const say = (word) =>
    document.querySelector(`.st-key-hand-${word} button`)
      ?.dispatchEvent(new MouseEvent('click', {bubbles: true, detail: 1}))

  const look = () => {
    const {input} = held
    const since = performance.now() - held.at
    if (!input.isConnected) return letGo()
    if (!rests()) held.seen = true
    else if (input.value !== held.told && since > (held.seen ? PAUSE : LOST)) tell(input.value)
  }

  const tell = (value) => {
    const change = given(held.input, 'onChangeEnd')
    if (!change) return letGo()
    say(held.moved ? 'on' : 'first')
    entered ??= false
    Object.assign(held, {told: value, at: performance.now(), seen: false, moved: true})
    atOnce(() => change([Number(value)]))
  }

  // A move is one way back: only its first answer is an entry of its own in the history.
  const push = history.pushState
  history.pushState = function (...state) {
    if (entered) return this.replaceState(...state)
    if (entered === false) entered = true
    return push.apply(this, state)
  }

  const take = (event) => {
    entered = null
    const input = event.target.closest?.('[data-testid=stSlider]')?.querySelector('input[type=range]')
    if (held || !input || input.disabled || event.button) return
    held = {input, pointer: event.pointerId, told: input.value, at: performance.now(), seen: true}
    held.timer = setInterval(look, LOOK)
  }

  const letGo = () => {
    clearInterval(held.timer)
    held = null
  }

  const release = (event) => {
    if (event.pointerId !== held?.pointer) return
    const {input, told, moved} = held
    letGo()
    // Once the slider has drawn its last value, and before the server is told of it.
    setTimeout(() => { if (moved && input.value !== told) say('on') })
  }

  // On the way down, before the slider hears of it.
  addEventListener('keydown', () => { entered = null }, true)
  addEventListener('pointerdown', take, true)
  addEventListener('pointerup', release, true)
  addEventListener('pointercancel', release, true)
})()
